package statement

import "strings"

// parser walks over the tokens of one statement, keeping what it needs to refuse.
type parser struct {
	lex      lexer
	earlier  token // the token before previous
	previous token // the token before tok
	tok      token

	identifiers []string // parameters of type Identifier
}

func (p *parser) advance() error {
	p.earlier, p.previous = p.previous, p.tok
	var err error
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) textOf(t token) string { return string(p.lex.text[t.start:t.end]) }

func (p *parser) isWord(word string) bool { return p.wordIs(p.tok, word) }

func (p *parser) wordIs(t token, word string) bool {
	return t.kind == tokenWord && strings.EqualFold(p.textOf(t), word)
}

func (p *parser) isSymbol(c byte) bool {
	return p.tok.kind == tokenSymbol && p.lex.text[p.tok.start] == c
}

// other parses every statement but INSERT.
func (p *parser) other() (Statement, error) {
	first := p.textOf(p.tok)
	kind, known := kindOf(first)
	if !known || p.tok.kind == tokenQuoted || p.tok.kind == tokenString {
		return Statement{}, refused("statements that begin with %.40q", first)
	}
	start := p.tok.start
	tail, err := p.rest(kind)
	if err != nil {
		return Statement{}, err
	}
	if tail.insert {
		if tail.dataWord {
			return Statement{}, notImplemented("INSERT with data inside another statement")
		}
		if kind == Select {
			kind = Insert // WITH … INSERT INTO … SELECT
		}
	}
	s := Statement{Kind: kind, SQL: string(p.lex.text[start:tail.end]), Format: tail.format, Identifiers: p.identifiers}
	s.Query = s.SQL
	if tail.format != "" {
		s.Query = string(p.lex.text[start:tail.formatStart]) + string(p.lex.text[tail.formatEnd:tail.end])
	}
	return s, nil
}

// tail is what was seen from some token to the end of the statement.
type tail struct {
	end                    int    // offset after the last token
	format                 string // FORMAT clause at the end, at bracket depth 0
	formatStart, formatEnd int
	insert                 bool // INSERT INTO is in it
	dataWord               bool // FORMAT or VALUES at bracket depth 0
}

// rest reads to the end of the text, which must be the end of the statement, and refuses
// what is not allowed in any statement.
func (p *parser) rest(kind Kind) (tail, error) {
	var t tail
	for ; p.tok.kind != tokenEnd; t.end = p.previous.end {
		if p.isSymbol(';') {
			return t, p.nothingMore()
		}
		if err := p.refuse(kind); err != nil {
			return t, err
		}
		switch {
		case p.isWord("INTO") && p.wordIs(p.previous, "INSERT"):
			t.insert = true
		case p.wordIs(p.previous, "FORMAT") && p.previous.depth == 0 && p.tok.kind == tokenWord:
			t.format, t.formatEnd = p.textOf(p.tok), p.tok.end
		case p.tok.depth == 0 && p.isWord("FORMAT"):
			t.dataWord = true
			t.format, t.formatStart = "", p.tok.start
		case p.tok.depth == 0 && p.isWord("VALUES"):
			t.dataWord = true
		case t.format != "" && p.previous.end == t.formatEnd && !p.isWord("SETTINGS"):
			t.format = "" // FORMAT was a name, not the last clause
		}
		if err := p.advance(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// nothingMore allows only semicolons to the end of the text.
func (p *parser) nothingMore() error {
	for p.isSymbol(';') {
		if err := p.advance(); err != nil {
			return err
		}
	}
	if p.tok.kind != tokenEnd {
		return syntaxError("(Multi-statements are not allowed): another statement at byte %d", p.tok.start)
	}
	return nil
}
