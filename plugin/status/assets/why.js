// Keys, and a refresh that keeps focus, scroll position and what is unfolded.
// Without this file all works: links are links, and the page refreshes as a whole.
const $ = s => document.querySelector(s), main = () => $('#main'), every = +document.documentElement.dataset.every * 1000
let paused = !every, timer
const rows = () => [...document.querySelectorAll('tbody tr a')].filter((a, i, all) => !i || all[i - 1].closest('tr') != a.closest('tr'))
const busy = () => document.hidden || paused || String(getSelection()) || document.activeElement?.tagName == 'INPUT'
const unfolded = d => d.closest('tr')?.cells[0].textContent + d.firstChild.textContent
async function refresh() {
  clearTimeout(timer)
  if (!busy()) try {
    const r = await fetch(location, { headers: { Accept: 'text/html' }, cache: 'no-store' })
    if (!r.ok) throw r.status
    const next = new DOMParser().parseFromString(await r.text(), 'text/html'), held = document.activeElement?.getAttribute('href')
    if (busy()) throw 'busy'
    const open = new Set([...document.querySelectorAll('details[open]')].map(unfolded)), said = $('.say'), say = next.querySelector('.say')
    document.title = next.title
    $('#now').replaceWith(next.querySelector('#now'))
    next.querySelectorAll('details').forEach(d => d.open = open.has(unfolded(d)))
    // What is read aloud stays where it says the same.
    if (said && say?.outerHTML == said.outerHTML) say.replaceWith(said)
    main().replaceChildren(...next.querySelector('#main').childNodes)
    if (held) main().querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true })
    document.documentElement.classList.remove('stale')
  } catch (e) { document.documentElement.classList.toggle('stale', e != 'busy') }
  timer = setTimeout(refresh, every || 5000)
}
const step = by => { const all = rows(), at = all.indexOf(document.activeElement); all[Math.max(0, Math.min(all.length - 1, at < 0 && by < 0 ? all.length - 1 : at + by))]?.focus() }
const pause = () => { if (every) { paused = !paused; $('#pause').textContent = paused ? 'go on' : 'pause' } }
const keys = { '/': () => $('[type=search]').focus(), j: () => step(1), k: () => step(-1), u: () => ($('h1 a') || $('header a')).click(), p: pause, r: refresh }
const told = () => $('#keys').textContent = localStorage.keys == 'off' ? 'Keys are off here: turn them on' : 'Keys are on here: turn them off'
addEventListener('keydown', e => {
  if (e.key == 'Escape') document.activeElement.blur()
  if (e.ctrlKey || e.metaKey || e.altKey || e.target.tagName == 'INPUT' || localStorage.keys == 'off' || !keys[e.key]) return
  e.preventDefault(); keys[e.key]()
})
if ($('#keys')) { told(); $('#keys').addEventListener('click', e => { e.preventDefault(); localStorage.keys = localStorage.keys == 'off' ? 'on' : 'off'; told() }) }
if (every) {
  $('#pause').textContent = 'pause'
  $('#pause').addEventListener('click', e => { e.preventDefault(); pause() })
  timer = setTimeout(refresh, every)
}
