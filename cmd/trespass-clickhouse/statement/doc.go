// Package statement reads SQL text just far enough to decide what may be handed to
// the embedded engine, and how: whether it is one statement, which kind, in which
// format it answers, and where the SQL of an INSERT ends and its data begins.
//
// The engine's plain call runs every statement in the text it is given, and, given an
// INSERT with data behind it, cuts the data at the first blank line and runs the rest
// as SQL. So the decision is made here, with one rule: what this lexer does not
// understand exactly as the engine does is refused. A refused statement that the
// engine would have run is a nuisance; the opposite is somebody else's statement.
package statement
