package roster

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// In any form, a Selection is what its list of places says.
func TestASelectionIsItsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "endpoints")
		from := rapid.IntRange(0, n).Draw(t, "from")
		bits, want := NewBits(n), []At(nil)
		some := rapid.IntRange(1, 9).Draw(t, "one in")
		for at := from; at < n; at++ {
			if rapid.IntRange(1, some).Draw(t, "in") == 1 {
				bits.Add(At(at))
				want = append(want, At(at))
			}
		}
		for at := range At(n) {
			if _, in := slices.BinarySearch(want, at); bits.Has(at) != in {
				t.Fatalf("the bits have %d: %v, want %v", at, bits.Has(at), in)
			}
		}
		if bits.Count() != len(want) {
			t.Fatalf("the bits have %d, want %d", bits.Count(), len(want))
		}
		split := rapid.IntRange(0, n).Draw(t, "split")
		for form, s := range map[string]Selection{"bits": Select(bits, n), "a list": List(slices.Clone(want))} {
			checkSelection(t, form, s, want, n)
			front, back := s.Split(split)
			at, _ := slices.BinarySearch(want, At(split))
			checkSelection(t, "the front of "+form, front, want[:at], n)
			checkSelection(t, "the back of "+form, back, want[at:], n)
			parts := Lists(slices.Concat(want[at:], want[:at]), []int32{int32(len(want) - at), int32(len(want) - at), int32(len(want))})
			checkSelection(t, "the first of lists", parts[0], want[at:], n)
			checkSelection(t, "an empty one of lists", parts[1], nil, n)
			checkSelection(t, "the last of lists", parts[2], want[:at], n)
			front, back = parts[2].Split(split / 2)
			half, _ := slices.BinarySearch(want[:at], At(split/2))
			checkSelection(t, "the front of a list", front, want[:half], n)
			checkSelection(t, "the back of a list", back, want[half:at], n)
			if !s.Equal(List(slices.Clone(want))) || !List(slices.Clone(want)).Equal(s) {
				t.Fatalf("%s: not equal to the list", form)
			}
			if len(want) > 0 && (s.Equal(List(want[1:])) || len(want) < n && s.Equal(Range(int(want[0]), len(want))) && int(want[len(want)-1]-want[0]) >= len(want)) {
				t.Fatalf("%s: equal to others", form)
			}
		}
	})
}

func checkSelection(t *rapid.T, what string, s Selection, want []At, n int) {
	t.Helper()
	if s.Len() != len(want) {
		t.Fatalf("%s has %d, want %d", what, s.Len(), len(want))
	}
	for i, at := range want {
		if s.At(int32(i)) != at {
			t.Fatalf("%s has %d at %d, want %d", what, s.At(int32(i)), i, at)
		}
	}
	for at := range At(n) {
		if _, in := slices.BinarySearch(want, at); s.Has(at) != in {
			t.Fatalf("%s has %d: %v, want %v", what, at, s.Has(at), in)
		}
	}
}

func TestEverybodyTakesNoMemory(t *testing.T) {
	bits := NewBits(100)
	for at := range At(100) {
		bits.Add(at)
	}
	if s := Select(bits, 100); s != Range(0, 100) {
		t.Errorf("got %+v", s)
	}
}

func BenchmarkSelectionAt(b *testing.B) {
	bits := NewBits(10000)
	for at := range At(10000) {
		if at%7 != 0 {
			bits.Add(at)
		}
	}
	s := Select(bits, 10000)
	n, i, sum := int32(s.Len()), int32(0), At(0)
	for b.Loop() {
		sum += s.At(i)
		if i += 4099; i >= n {
			i -= n
		}
	}
	_ = sum
}
