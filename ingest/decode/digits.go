package decode

// Digits reads a number of at most 18 digits, without sign, fraction or exponent; 0 when
// there are none. ok is false for anything else.
func Digits(b []byte) (n int64, ok bool) {
	if len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
