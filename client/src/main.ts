import { createApp } from 'vue';
import { takeTokenFromLocation } from './api/accessToken.ts';
import App from './App.vue';
import { createPages } from './router.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/pieces.css';

takeTokenFromLocation();
addEventListener('hashchange', takeTokenFromLocation);
createApp(App).use(createPages()).mount('#app');
