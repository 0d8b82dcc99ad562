declare module '*.css?first';
declare module '*.css?known';
