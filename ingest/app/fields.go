package app

// field is one thing that a mapping finds.
type field uint8

const (
	fieldTime field = iota
	eventID
	requestID
	fieldTraceID
	spanID
	process
	host
	env
	service
	deployment
	databaseName
	method
	route
	path
	fieldStatus
	userID
	sessionID
	role
	tenant
	impersonatedBy
	justification
	share
	tokenIssued
	tokenExpires
	dbRole
	bypassRLS
	secretKey
	cacheState
	cacheID
	cacheControl
	cachePerUser
	setCookie
	userAgent
	origin
	requested
	stripeIDs
	stripeUser
	recordList
	countList
	recordID // an id that names a row of one table; it has as many paths as there are
	fieldCount
)

// fields gives the name and the meaning of each field, in the order of the constants.
var fields = [recordID]Field{
	fieldTime:      {"time", "when it happened: RFC 3339 with a zone, or a number since 1970"},
	eventID:        {"event_id", "the emitter's id of this line"},
	requestID:      {"request_id", "the request; a number counts within one process and is told apart by host and process"},
	fieldTraceID:   {"trace_id", "32 hex digits, or a traceparent"},
	spanID:         {"span_id", "the span"},
	process:        {"process", "the process that counts numeric request ids"},
	host:           {"host", "the host that counts numeric request ids"},
	env:            {"env", "production, preview, development, test"},
	service:        {"service", "the application or component"},
	deployment:     {"deployment", "the deployment"},
	databaseName:   {"database", "the database or project that served the request"},
	method:         {"method", "the HTTP method"},
	route:          {"route", "the route's template, such as /api/orders/[id]"},
	path:           {"path", "path or URL; the query is dropped"},
	fieldStatus:    {"status", "the HTTP status"},
	userID:         {"user_id", "the end user; null on a line with a status says that nobody was logged in"},
	sessionID:      {"session_id", "the application's session"},
	role:           {"role", "the role inside the application, such as staff"},
	tenant:         {"tenant", "the session's active tenant"},
	impersonatedBy: {"impersonated_by", "who acts as the user"},
	justification:  {"justification", "the ticket or reason of a privileged read"},
	share:          {"share", "the id of the share link, never its secret"},
	tokenIssued:    {"token_iat", "when the token was issued"},
	tokenExpires:   {"token_exp", "when the token expires"},
	dbRole:         {"db_role", "the database role that the request used"},
	bypassRLS:      {"bypass_rls", "true if that role bypasses row security"},
	secretKey:      {"secret_key", "true if a service or secret API key was presented"},
	cacheState:     {"cache_status", "HIT, MISS, STALE, BYPASS and the like"},
	cacheID:        {"cache_id", "the request that filled the cache entry"},
	cacheControl:   {"cache_control", "the response's Cache-Control"},
	cachePerUser:   {"cache_per_user", "true if the cache key holds the user"},
	setCookie:      {"set_cookie", "the response's Set-Cookie; only its presence is read"},
	userAgent:      {"user_agent", "the User-Agent; only whether it is a browser is kept"},
	origin:         {"origin", "Origin or Referer; only its presence is read"},
	requested:      {"requested", "ids that the client asked for: one or an array"},
	stripeIDs:      {"stripe_ids", "Stripe ids that the client sent: one or an array"},
	stripeUser:     {"stripe_user", "the user in the Stripe object's own metadata"},
	recordList:     {"records", "rows that came back, as in the access event"},
	countList:      {"counts", "how many rows came back, as in the access event"},
}
