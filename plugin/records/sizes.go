package records

// NoteSize is the size of a note as an Extended DNS Error, in bytes (RFC 8914,
// section 2).
func NoteSize(note string) int { return 6 + len(note) }

// Sizes of records in bytes (RFC 1035, section 4.1.3, RFC 3596 and RFC 2782),
// with a compression pointer for the owner.
const (
	sizePointer = 2
	sizeFixed   = 10 // type, class, TTL, length
	sizeA       = sizePointer + sizeFixed + 4
	sizeAAAA    = sizePointer + sizeFixed + 16
	sizeSRV     = sizePointer + sizeFixed + 6 // and the target, not compressed
)
