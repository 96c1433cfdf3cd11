// How the page's scripts are checked: what eslint recommends, and what this project wants besides.
import js from "@eslint/js";
import globals from "globals";

const rules = {
  "array-callback-return": "error",
  curly: ["error", "multi-line"],
  eqeqeq: "error",
  "max-lines": ["error", { max: 450, skipBlankLines: false }],
  "no-console": "error",
  "no-constructor-return": "error",
  "no-eval": "error",
  "no-implicit-globals": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-param-reassign": "error",
  "no-promise-executor-return": "error",
  "no-restricted-properties": [
    "error",
    { property: "innerHTML", message: "Text from outside would become markup." },
    { property: "outerHTML", message: "Text from outside would become markup." },
    { property: "insertAdjacentHTML", message: "Text from outside would become markup." },
  ],
  "no-self-compare": "error",
  "no-shadow": "error",
  "no-template-curly-in-string": "error",
  "no-unreachable-loop": "error",
  "no-unused-private-class-members": "error",
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "prefer-const": "error",
};

const NO_DOM = ["document", "window", "navigator", "localStorage", "fetch"];

export default [
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["**/*.js"], languageOptions: { ecmaVersion: 2023, sourceType: "module" }, rules },
  { files: ["assets/web/**/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["assets/web/theme.js"], languageOptions: { sourceType: "script" } },
  {
    files: ["assets/web/logic/**/*.js"],
    rules: { "no-restricted-globals": ["error", ...NO_DOM] }, // tested without a browser
  },
  { files: ["assets/web/logic/strings.js"], rules: { "max-lines": "off" } }, // two languages in one file
  { files: ["tests/web/**/*.js"], languageOptions: { globals: globals.node } },
];
