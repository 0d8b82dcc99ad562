import base from './speed.config.ts';
export default { ...base, webServer: undefined, testMatch: 'many.spec.ts' };
