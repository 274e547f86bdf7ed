// Package external says what an ExternalName Service leads to: which of its targets is
// chosen, what they had last, and what may be given of it.
//
// Reading order: wish.go reads what a Service wants, rules.go what the Corefile allows, and
// plan.go puts both together. found.go reads an answer, kept.go has what is kept of the
// answers in one family, and target.go how a name is that is looked up again and again: these
// three know no clock, and ask nobody. book.go is the Book of a server block, which asks, and
// choose.go chooses among the targets of a Service.
package external
