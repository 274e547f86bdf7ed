// Package near says how alike two words are, for those that somebody may have mistyped.
package near

// Distance is how many letters have to be added, taken away or changed to make one of the other, at most most+1.
func Distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, before+1)
		}
	}
	return min(row[len(b)], most+1)
}

// Typos is how many letters of a word may be wrong before it is another one: of a short word fewer.
func Typos(word string) int { return max(1, min(2, len(word)/3)) }

// Alike reports whether one of two words may be meant by the other.
func Alike(got, meant string) bool {
	most := Typos(meant)
	return Distance(got, meant, most) <= most
}
