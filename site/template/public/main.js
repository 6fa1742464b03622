export default {
  // Languages of our code blocks that the highlighter does not know: shown as they are.
  configureHljs: hljs => hljs.registerLanguage('csv', () => ({}))
}
