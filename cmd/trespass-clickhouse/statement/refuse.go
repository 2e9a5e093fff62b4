package statement

import "strings"

// refuse looks at the current token and the one before it. Permissions of the engine stop
// most of what reaches outside the database; these are the holes they leave. The
// sandbox around the process stops what is overlooked here.
func (p *parser) refuse(kind Kind) error {
	if p.isWord("Identifier") && p.previous.kind == tokenSymbol && p.lex.text[p.previous.start] == ':' {
		p.identifiers = append(p.identifiers, p.textOf(p.earlier))
	}
	switch {
	case p.wordIs(p.previous, "INTO") && p.isWord("OUTFILE"):
		return refused("INTO OUTFILE (it writes files of the machine); the answer comes over HTTP")
	case p.wordIs(p.previous, "FROM") && p.isWord("INFILE"):
		return refused("FROM INFILE (it reads files of the machine); send the data in the request")
	case p.wordIs(p.previous, "PARALLEL") && p.isWord("WITH"):
		return refused("PARALLEL WITH (several statements in one)")
	case p.isName():
		return p.refuseName(kind)
	}
	return nil
}

func (p *parser) isName() bool { return p.tok.kind == tokenWord || p.tok.kind == tokenQuoted }

// refuseName looks at names of functions and settings that no permission covers.
func (p *parser) refuseName(kind Kind) error {
	name, plain := p.name()
	if !plain {
		return refused("escapes for ordinary characters in quoted names (one could hide a name that is refused)")
	}
	if forbiddenFunction(name) {
		return refused("the function %s (it reaches outside the database); a column or table of that name must be named otherwise", name)
	}
	if name == "executable" || name == "executablepool" {
		return refused("%s (it starts programs)", name)
	}
	if err := RefuseSetting(name); err != nil {
		return err
	}
	if kind == Change && name == "disk" {
		return refused("disk (tables live on the engine's own disk)")
	}
	if kind == Session && strings.HasPrefix(name, "param_") {
		return refused("SET %s: give parameters with the request", name)
	}
	return nil
}

// name returns the current token's value in lower case. Plain is false when it has escapes
// that could stand for a letter, so that its value is not known here.
func (p *parser) name() (value string, plain bool) {
	text := p.textOf(p.tok)
	if p.tok.kind != tokenQuoted {
		return strings.ToLower(text), true
	}
	text = text[1 : len(text)-1]
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if i++; strings.IndexByte("\\'\"`tnr0", text[i]) < 0 {
			return "", false
		}
	}
	return strings.ToLower(text), true
}

// RefuseSetting says why a setting given with a request is not allowed, or nil. It is the
// same list that Parse applies to SET and SETTINGS.
func RefuseSetting(name string) error {
	switch strings.ToLower(name) {
	case "additional_table_filters", "additional_result_filter", "parallel_replicas_custom_key":
		return refused("the setting %s (it carries SQL in a string)", name)
	}
	return nil
}

// RefuseParam says why the value of a parameter of type Identifier, escaped as in a request,
// is not allowed, or nil: it becomes a name, also one that Parse would refuse.
func RefuseParam(value string) error {
	if strings.ContainsRune(value, '\\') {
		return refused("escapes in parameters of type Identifier")
	}
	if forbiddenFunction(strings.ToLower(value)) {
		return refused("the name %s", value)
	}
	return nil
}

// forbiddenFunction lists the functions that read files or reach other machines without
// asking for a permission.
func forbiddenFunction(name string) bool {
	return name == "file" || name == "catboostevaluate" || name == "hascolumnintable"
}
