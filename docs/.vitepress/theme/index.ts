import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme-without-fonts'
import BudgetCalculator from './budgets/BudgetCalculator.vue'
import './style.css'

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('BudgetCalculator', BudgetCalculator)
  },
} satisfies Theme
