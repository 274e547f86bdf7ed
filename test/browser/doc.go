// Package browser has no code: its tests drive the status page in a real browser.
package browser
