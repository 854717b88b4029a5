import { createRequire } from 'node:module';
import { defineConfig, globalIgnores } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import vue from 'eslint-plugin-vue';
import tseslint from 'typescript-eslint';
import { importStar } from './deploy/check/importStar.mjs';

// import-x parses imported files by a parser's path; pnpm keeps typescript-eslint's own parser out of our node_modules.
const typescriptParser = createRequire(import.meta.resolve('typescript-eslint')).resolve('@typescript-eslint/parser');
const requireOfVue = createRequire(import.meta.resolve('eslint-plugin-vue'));
const vueParser = requireOfVue.resolve('vue-eslint-parser');

const typed = ['**/*.ts', '**/*.vue'];
const everything = ['**/*.ts', '**/*.vue', '**/*.mjs', '**/*.js'];

export default defineConfig([
  globalIgnores([
    '**/node_modules/',
    '**/dist/',
    '**/data/',
    '**/.cache/',
    'coverage/',
    'client/e2e/out/',
    'client/public/',
  ]),

  {
    files: everything,
    plugins: { 'import-x': importX, framelock: importStar },
    settings: {
      'import-x/extensions': ['.ts', '.mjs', '.js', '.vue'],
      'import-x/parsers': { [typescriptParser]: ['.ts'], [vueParser]: ['.vue'] },
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.mjs', '.js', '.vue'] })],
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'framelock/import-star': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-self-import': 'error',
      'import-x/no-duplicates': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': ['error', { ignoreReadBeforeAssign: true }],
      'no-debugger': 'error',
      'max-lines': ['warn', { max: 400, skipBlankLines: true, skipComments: true }],
    },
  },

  ...vue.configs['flat/essential'].map((config) => ({ ...config, files: config.files ?? ['**/*.vue'] })),

  {
    files: typed,
    extends: [tseslint.configs.recommended],
    languageOptions: {
      parserOptions: {
        // For .vue files that import-x follows from a .ts file: without it their scripts parse as JavaScript.
        parser: tseslint.parser,
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.vue'],
      },
    },
    rules: {
      // The rules that need types, where they pay: a promise that nobody awaits is a crash that nobody sees.
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false } },
      ],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `!` after an index that was just checked reads better than a second check (noUncheckedIndexedAccess).
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.vue'],
    // The TypeScript configuration above took the parser over; it is the one for `<script>` only.
    languageOptions: { parser: requireOfVue('vue-eslint-parser'), parserOptions: { parser: tseslint.parser } },
    rules: { 'vue/multi-word-component-names': 'off' },
  },
  {
    files: ['**/*.test.ts', '**/*.e2e.ts'],
    rules: { 'max-lines': 'off', '@typescript-eslint/no-explicit-any': 'off' },
  },
]);
