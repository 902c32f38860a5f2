/** Tests run from TypeScript sources: swc strips the types, tsc checks them (`npm run check`). */
const base = {
  rootDir: '.',
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'commonjs' },
      },
    ],
  },
  moduleNameMapper: {
    '^bgp-utils$': '<rootDir>/bgp/src/index.ts',
    '^bgp-utils/testing$': '<rootDir>/bgp/src/testing/index.ts',
  },
  setupFiles: ['<rootDir>/test/support/seed.ts'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
};
export default base;
