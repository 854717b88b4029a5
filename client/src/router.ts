import { createRouter, createWebHistory, type Router } from 'vue-router';
import StreamsPage from './pages/StreamsPage.vue';

/** To be made after the token left the address bar: the history keeps the address that it finds here. */
export function createPages(): Router {
  return createRouter({
    history: createWebHistory(),
    routes: [
      { path: '/', name: 'streams', component: StreamsPage },
      // Apart, since these bring mediasoup-client along.
      { path: '/publish/:id', name: 'publish', component: () => import('./pages/PublishPage.vue'), props: true },
      { path: '/watch/:id', name: 'watch', component: () => import('./pages/WatchPage.vue'), props: true },
      { path: '/recordings', name: 'recordings', component: () => import('./pages/RecordingsPage.vue') },
      {
        path: '/recordings/:id',
        name: 'recording',
        component: () => import('./pages/RecordingPage.vue'),
        props: true,
      },
      { path: '/brands', name: 'brands', component: () => import('./pages/BrandsPage.vue') },
      { path: '/streams/:id', name: 'stream', component: () => import('./pages/StreamPage.vue'), props: true },
      { path: '/history', name: 'history', component: () => import('./pages/HistoryPage.vue') },
      {
        path: '/streams/:id/history',
        redirect: ({ params, query }) => ({ name: 'history', query: { ...query, stream: String(params['id']) } }),
      },
      {
        path: '/streams/:id/exposure',
        name: 'exposure',
        component: () => import('./pages/ExposurePage.vue'),
        props: true,
      },
      { path: '/models', name: 'models', component: () => import('./pages/ModelsPage.vue') },
      { path: '/markers', name: 'markers', component: () => import('./pages/MarkersPage.vue') },
      { path: '/system', name: 'system', component: () => import('./pages/SystemPage.vue') },
      { path: '/alerts', name: 'alerts', component: () => import('./pages/AlertsPage.vue') },
      { path: '/access', name: 'access', component: () => import('./pages/AccessPage.vue') },
      { path: '/:rest(.*)*', name: 'lost', component: () => import('./pages/NotFoundPage.vue') },
    ],
    // A page that writes its filters or its section into its own address stays where it is.
    scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  });
}
