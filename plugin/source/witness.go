package source

// Trouble is what may happen to a source itself.
type Trouble uint8

// The kinds of trouble.
const (
	// Lost is that nothing can be read any more, and Back that it can again.
	Lost Trouble = iota
	Back
	// Silent is that something is read anew, because nothing came.
	Silent
	// Listed is that something was listed anew.
	Listed
)

// A Witness is a Receiver that wants to know as well what happens to the source itself.
type Witness interface {
	// Witness says what happened, to what, and how, in words for people. It may be called
	// from any goroutine, and does not call back.
	Witness(what Trouble, of, how string)
}
