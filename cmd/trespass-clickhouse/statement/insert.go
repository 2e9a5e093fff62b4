package statement

// insert parses INSERT INTO [TABLE] name [(columns)] [SETTINGS …] and then one of VALUES,
// FORMAT name, SELECT. For the first two the SQL ends there.
func (p *parser) insert() (Statement, error) {
	start := p.tok.start
	if err := p.insertTarget(); err != nil {
		return Statement{}, err
	}
	headEnd := p.previous.end
	settings, err := p.insertSettings()
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Kind: InsertData, SQL: string(p.lex.text[start:headEnd]), settings: settings, Identifiers: p.identifiers}
	switch {
	case p.isWord("VALUES"):
		s.Format, s.Data = "Values", p.tok.end
		return s, p.valuesOnly()
	case p.isWord("FORMAT"):
		return p.insertFormat(s)
	case p.isWord("SELECT"), p.isWord("WITH"), p.isSymbol('('), p.isWord("FROM"):
		return p.insertSelect(start)
	case p.tok.kind == tokenEnd:
		return Statement{}, syntaxError("INSERT needs VALUES, FORMAT or SELECT")
	}
	return Statement{}, syntaxError("unexpected %.40q at byte %d of INSERT; expected VALUES, FORMAT, SETTINGS or SELECT", p.textOf(p.tok), p.tok.start)
}

// insertTarget reads from INSERT to the end of the column list.
func (p *parser) insertTarget() error {
	if err := p.advance(); err != nil {
		return err
	}
	if !p.isWord("INTO") {
		return syntaxError("expected INTO after INSERT at byte %d", p.tok.start)
	}
	if err := p.advance(); err != nil {
		return err
	}
	if p.isWord("FUNCTION") {
		return refused("INSERT INTO FUNCTION")
	}
	if p.isWord("TABLE") {
		if err := p.advance(); err != nil {
			return err
		}
		if p.isWord("FUNCTION") {
			return refused("INSERT INTO FUNCTION")
		}
	}
	if err := p.tableName(); err != nil {
		return err
	}
	return p.columnList()
}

// tableName reads name or database.name; each part may be {parameter:Identifier}.
func (p *parser) tableName() error {
	for {
		if err := p.namePart(); err != nil {
			return err
		}
		if !p.isSymbol('.') {
			return nil
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}

func (p *parser) namePart() error {
	if p.isName() {
		if err := p.refuseName(InsertData); err != nil {
			return err
		}
		return p.advance()
	}
	if !p.isSymbol('{') {
		return syntaxError("expected a table name at byte %d of INSERT", p.tok.start)
	}
	return p.group()
}

// columnList reads (a, b, …), or nothing. A bracket with SELECT in it is a query.
func (p *parser) columnList() error {
	if !p.isSymbol('(') {
		return nil
	}
	ahead := parser{lex: p.lex}
	if err := ahead.advance(); err != nil {
		return err
	}
	if ahead.isWord("SELECT") || ahead.isWord("WITH") || ahead.isSymbol('(') {
		return nil
	}
	return p.group()
}

// group reads from an opening bracket to behind its partner.
func (p *parser) group() error {
	depth := p.tok.depth
	for {
		if err := p.advance(); err != nil {
			return err
		}
		if p.tok.kind == tokenEnd {
			return syntaxError("bracket not closed")
		}
		if err := p.refuse(InsertData); err != nil {
			return err
		}
		if p.isSymbol(';') {
			return syntaxError("unexpected ; at byte %d", p.tok.start)
		}
		if p.lex.depth == depth {
			return p.advance()
		}
	}
}

// insertSettings reads SETTINGS name = value, … and returns its text.
func (p *parser) insertSettings() (string, error) {
	if !p.isWord("SETTINGS") {
		return "", nil
	}
	start := p.tok.start
	for {
		if err := p.advance(); err != nil { // SETTINGS or a comma
			return "", err
		}
		if !p.isName() {
			return "", syntaxError("expected the name of a setting at byte %d", p.tok.start)
		}
		if err := p.refuseName(Session); err != nil {
			return "", err
		}
		if err := p.advance(); err != nil {
			return "", err
		}
		if !p.isSymbol('=') {
			return "", syntaxError("expected = at byte %d", p.tok.start)
		}
		if err := p.settingValue(); err != nil {
			return "", err
		}
		if !p.isSymbol(',') {
			return string(p.lex.text[start:p.previous.end]), nil
		}
	}
}

// settingValue reads a literal: a string, a name or number with a sign, or a bracketed list.
func (p *parser) settingValue() error {
	if err := p.advance(); err != nil {
		return err
	}
	for p.isSymbol('-') || p.isSymbol('+') {
		if err := p.advance(); err != nil {
			return err
		}
	}
	switch {
	case p.isSymbol('['), p.isSymbol('{'), p.isSymbol('('):
		return p.group()
	case p.tok.kind == tokenString, p.tok.kind == tokenWord:
		if err := p.advance(); err != nil {
			return err
		}
		for p.isSymbol('.') && p.tok.start == p.previous.end { // 0.5
			if err := p.advance(); err != nil {
				return err
			}
			if p.tok.kind == tokenWord && p.tok.start == p.previous.end {
				if err := p.advance(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return syntaxError("expected the value of a setting at byte %d", p.tok.start)
}

// insertFormat reads the name after FORMAT; the data begins after it, behind blanks and at
// most one end of line, exactly as the engine would have it.
func (p *parser) insertFormat(s Statement) (Statement, error) {
	if err := p.advance(); err != nil {
		return s, err
	}
	if p.tok.kind != tokenWord {
		return s, syntaxError("expected the name of a format at byte %d", p.tok.start)
	}
	s.Format = p.textOf(p.tok)
	at, text := p.tok.end, p.lex.text
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\f') {
		at++
	}
	if at < len(text) && text[at] == ';' {
		return s, syntaxError("; between FORMAT %s and the data", s.Format)
	}
	if at < len(text) && text[at] == '\r' {
		at++
	}
	if at < len(text) && text[at] == '\n' {
		at++
	}
	s.Data = at
	return s, nil
}

// insertSelect reads INSERT … SELECT. A FORMAT clause in it would be the format of data
// behind the text, for the function input: the engine would cut that data at a blank line
// and run the rest, so the word is refused wherever it could be that clause.
func (p *parser) insertSelect(start int) (Statement, error) {
	t, err := p.rest(Insert)
	if err != nil {
		return Statement{}, err
	}
	if t.dataWord {
		return Statement{}, notImplemented("FORMAT or VALUES in INSERT … SELECT; put a name like that in quotes")
	}
	sql := string(p.lex.text[start:t.end])
	return Statement{Kind: Insert, SQL: sql, Query: sql, Identifiers: p.identifiers}, nil
}

// valuesOnly refuses a second statement behind VALUES. The engine would ignore it; the
// client should know. What cannot be read as SQL, or is cut off, is left to the engine,
// which gets it as data and never as SQL.
func (p *parser) valuesOnly() error {
	for {
		if p.advance() != nil || p.tok.kind == tokenEnd {
			return nil
		}
		if p.tok.depth == 0 && p.isSymbol(';') {
			return p.nothingMore()
		}
	}
}
