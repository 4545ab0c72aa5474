// A card for each server: how far it lags, and what can be done to it.

import { html } from './svg.js'

export class ServerControls {
  #cards = new Map()
  #status
  #send
  #working = false

  constructor ({ root, status, topology, send }) {
    this.#status = status
    this.#send = send
    for (const { name, city } of topology.regions) this.#cards.set(name, this.#card({ name, city, max: topology.maxApplyDelayMs }))
    root.replaceChildren(...[...this.#cards.values()].map(({ element }) => element))
  }

  #card ({ name, city, max }) {
    const state = html('span', { class: 'state' })
    const slider = html('input', { type: 'range', min: 0, max, step: 250, value: 0, 'aria-label': `Lag in ${name}` })
    const value = html('output', {}, 'none')
    slider.addEventListener('input', () => { value.textContent = words(slider.valueAsNumber) })
    slider.addEventListener('change', () => this.#do({ type: 'lag', region: name, applyDelayMs: slider.valueAsNumber }, `Replay in ${name}: ${words(slider.valueAsNumber)} of delay.`))
    const button = (text, control, told) => {
      const element = html('button', { type: 'button' }, text)
      element.setAttribute('aria-label', `${text} ${name}`)
      element.addEventListener('click', () => this.#do({ type: control, region: name }, told))
      return element
    }
    const card = {
      state,
      slider,
      value,
      pause: button('Pause', 'pause', `Replay in ${name} is paused: its readers see one moment of the past.`),
      resume: button('Resume', 'resume', `Replay in ${name} goes on.`),
      kill: button('Kill', 'kill', `The server in ${name} was killed.`),
      start: button('Start', 'start', `The server in ${name} is back.`),
      promote: button('Promote', 'promote', `${name} has the primary now; the old one was stopped.`),
      lag: undefined,
      element: undefined,
    }
    card.lag = html('label', { class: 'slider' }, 'Lag', slider, value)
    card.element = html('div', { class: 'server' },
      html('h3', {}, city === undefined ? name : `${name} · ${city} `, state), card.lag,
      html('div', { class: 'buttons' }, card.pause, card.resume, card.kill, card.start, card.promote))
    return card
  }

  show (servers) {
    for (const { region, role, state, applyDelayMs } of servers) {
      const card = this.#cards.get(region)
      card.state.textContent = `${role === 'primary' ? 'primary' : 'replica'}, ${state}`
      visible(card.lag, role === 'standby')
      visible(card.pause, role === 'standby' && state !== 'paused')
      visible(card.resume, role === 'standby' && state === 'paused')
      visible(card.kill, state !== 'down')
      visible(card.start, state === 'down')
      visible(card.promote, role === 'standby')
      card.slider.disabled = state === 'down'
      card.pause.disabled = state === 'down'
      card.promote.disabled = state === 'down'
      // Not under a hand that drags it.
      if (document.activeElement !== card.slider && !this.#working) {
        card.slider.value = applyDelayMs
        card.value.textContent = words(applyDelayMs)
      }
    }
  }

  async #do (control, told) {
    await this.working('…', async () => {
      await this.#send(control)
      this.#status.textContent = told
      // A button that went away takes the focus with it.
      const card = this.#cards.get(control.region)
      if (document.activeElement === document.body) [card.resume, card.pause, card.start, card.kill].find((element) => !element.hidden)?.focus()
    })
  }

  /** One thing at a time; says how it ended. */
  async working (text, work) {
    if (this.#working) return
    this.#working = true
    this.#status.textContent = text
    try {
      await work()
      if (this.#status.textContent === text) this.#status.textContent = ''
    } catch (failure) {
      this.#status.textContent = failure.message
    } finally {
      this.#working = false
    }
  }
}

function visible (element, yes) {
  if (element.hidden === yes) element.hidden = !yes
}

function words (delayMs) {
  return delayMs === 0 ? 'none' : `${delayMs / 1000} s`
}
