package query

import (
	"strings"

	"github.com/sqlc-dev/oliphant/ast"
)

// doorsOf notes how a statement changes who may read a table.
func (r *reader) doorsOf(node *ast.Node) {
	switch n := node.GetNode().(type) {
	case *ast.Node_AlterTableStmt:
		for _, cmd := range n.AlterTableStmt.GetCmds() {
			table := relationName(n.AlterTableStmt.GetRelation())
			switch cmd.GetAlterTableCmd().GetSubtype() {
			case ast.AlterTableType_AT_DisableRowSecurity:
				r.door(Door{Table: table, Change: "row_security_off"})
			case ast.AlterTableType_AT_NoForceRowSecurity:
				r.door(Door{Table: table, Change: "no_force"})
			}
		}
	case *ast.Node_CreatePolicyStmt:
		p := n.CreatePolicyStmt
		if cmd := p.GetCmdName(); cmd != "" && cmd != "all" && cmd != "select" {
			return // says who may write, not who may read
		}
		// A restrictive policy takes away from the others; always true, it takes nothing.
		r.policy("policy_created", p.GetTable(), p.GetRoles(), p.GetPermissive() && isAlways(p.GetQual()))
	case *ast.Node_AlterPolicyStmt:
		p := n.AlterPolicyStmt
		r.policy("policy_altered", p.GetTable(), p.GetRoles(), isAlways(p.GetQual()))
	case *ast.Node_DropStmt:
		if n.DropStmt.GetRemoveType() != ast.ObjectType_OBJECT_POLICY {
			return
		}
		for _, object := range n.DropStmt.GetObjects() {
			// The last name is the policy's, those before it the table's.
			if names := texts(object.GetList().GetItems()); len(names) > 1 {
				r.door(Door{Table: nameOf(names[:len(names)-1]), Change: "policy_dropped"})
			}
		}
	case *ast.Node_GrantStmt:
		r.grant(n.GrantStmt)
	case *ast.Node_GrantRoleStmt:
		r.membership(n.GrantRoleStmt)
	case *ast.Node_CreateRoleStmt:
		role := []string{n.CreateRoleStmt.GetRole()}
		r.bypass(role, n.CreateRoleStmt.GetOptions())
		r.members(role, n.CreateRoleStmt.GetOptions())
	case *ast.Node_AlterRoleStmt:
		role := roleNames([]*ast.Node{{Node: &ast.Node_RoleSpec{RoleSpec: n.AlterRoleStmt.GetRole()}}})
		r.bypass(role, n.AlterRoleStmt.GetOptions())
		if n.AlterRoleStmt.GetAction() > 0 { // ALTER GROUP ADD, not DROP
			r.members(role, n.AlterRoleStmt.GetOptions())
		}
	case *ast.Node_CreateFunctionStmt:
		if isDefiner(n.CreateFunctionStmt.GetOptions()) {
			r.door(Door{Table: nameOf(texts(n.CreateFunctionStmt.GetFuncname())), Change: "definer_function"})
		}
	case *ast.Node_AlterFunctionStmt:
		if isDefiner(n.AlterFunctionStmt.GetActions()) {
			r.door(Door{Table: nameOf(texts(n.AlterFunctionStmt.GetFunc().GetObjname())), Change: "definer_function"})
		}
	}
}

func (r *reader) door(d Door) {
	r.spend(0)
	r.doors = append(r.doors, d)
}

func (r *reader) policy(change string, table *ast.RangeVar, roles []*ast.Node, always bool) {
	names := roleNames(roles)
	if len(names) == 0 {
		names = []string{""}
	}
	for _, role := range names {
		r.door(Door{Table: relationName(table), Change: change, Role: role, Always: always})
	}
}

// grant notes a grant that lets somebody read.
func (r *reader) grant(g *ast.GrantStmt) {
	if !g.GetIsGrant() || !grantsReading(g.GetPrivileges()) {
		return
	}
	var tables []string
	switch {
	case g.GetTargtype() == ast.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA && g.GetObjtype() == ast.ObjectType_OBJECT_TABLE:
		for _, schema := range texts(g.GetObjects()) {
			if schema == "public" {
				tables = append(tables, "*")
			} else {
				tables = append(tables, quotePart(schema)+".*")
			}
		}
	case g.GetTargtype() == ast.GrantTargetType_ACL_TARGET_OBJECT && g.GetObjtype() == ast.ObjectType_OBJECT_TABLE:
		for _, object := range g.GetObjects() {
			tables = append(tables, relationName(object.GetRangeVar()))
		}
	}
	for _, table := range tables {
		for _, role := range roleNames(g.GetGrantees()) {
			r.door(Door{Table: table, Change: "grant", Role: role})
		}
	}
}

// membership notes that a role may act as another, whatever that one may.
func (r *reader) membership(g *ast.GrantRoleStmt) {
	if !g.GetIsGrant() || isOff(g.GetOpt(), "inherit") && isOff(g.GetOpt(), "set") {
		return
	}
	for _, node := range g.GetGrantedRoles() {
		for _, role := range roleNames(g.GetGranteeRoles()) {
			r.door(Door{Table: "*", Change: "role_granted", Role: role, Granted: node.GetAccessPriv().GetPrivName()})
		}
	}
}

// members notes memberships among the options of a role.
func (r *reader) members(roles []string, options []*ast.Node) {
	for _, node := range options {
		o := node.GetDefElem()
		for _, other := range roleNames(o.GetArg().GetList().GetItems()) {
			for _, role := range roles {
				switch o.GetDefname() {
				case "addroleto":
					r.door(Door{Table: "*", Change: "role_granted", Role: role, Granted: other})
				case "rolemembers", "adminmembers":
					r.door(Door{Table: "*", Change: "role_granted", Role: other, Granted: role})
				}
			}
		}
	}
}

// bypass notes roles that row security no longer holds.
func (r *reader) bypass(roles []string, options []*ast.Node) {
	for _, node := range options {
		if o := node.GetDefElem(); (o.GetDefname() == "bypassrls" || o.GetDefname() == "superuser") && o.GetArg().GetBoolean().GetBoolval() {
			for _, role := range roles {
				r.door(Door{Table: "*", Change: "role_bypasses", Role: role})
			}
			return
		}
	}
}

// grantsReading knows SELECT and ALL, which the tree shows as no list at all.
func grantsReading(privileges []*ast.Node) bool {
	for _, node := range privileges {
		if name := node.GetAccessPriv().GetPrivName(); name == "select" || name == "" {
			return true
		}
	}
	return len(privileges) == 0
}

func roleNames(nodes []*ast.Node) []string {
	var names []string
	for _, node := range nodes {
		switch role := node.GetRoleSpec(); role.GetRoletype() {
		case ast.RoleSpecType_ROLESPEC_PUBLIC:
			names = append(names, "public")
		case ast.RoleSpecType_ROLESPEC_CSTRING:
			names = append(names, role.GetRolename())
		case ast.RoleSpecType_ROLESPEC_CURRENT_ROLE:
			names = append(names, "current_role")
		case ast.RoleSpecType_ROLESPEC_CURRENT_USER:
			names = append(names, "current_user")
		case ast.RoleSpecType_ROLESPEC_SESSION_USER:
			names = append(names, "session_user")
		}
	}
	return names
}

// isOff finds an option that is false.
func isOff(options []*ast.Node, name string) bool {
	for _, node := range options {
		if o := node.GetDefElem(); o.GetDefname() == name {
			b, ok := o.GetArg().GetNode().(*ast.Node_Boolean)
			return ok && !b.Boolean.GetBoolval()
		}
	}
	return false
}

// isDefiner finds SECURITY DEFINER among the options of a function.
func isDefiner(options []*ast.Node) bool {
	for _, node := range options {
		if o := node.GetDefElem(); o.GetDefname() == "security" {
			return o.GetArg().GetBoolean().GetBoolval()
		}
	}
	return false
}

// isAlways knows expressions that no row fails: true, 1=1, and such under AND, OR
// and NOT false.
func isAlways(node *ast.Node) bool {
	switch n := uncast(node).GetNode().(type) {
	case *ast.Node_AConst:
		if s, ok := n.AConst.GetVal().(*ast.A_Const_Sval); ok {
			return truth(s.Sval.GetSval())
		}
		return n.AConst.GetBoolval().GetBoolval()
	case *ast.Node_AExpr:
		a, b := n.AExpr.GetLexpr().GetAConst(), n.AExpr.GetRexpr().GetAConst()
		return n.AExpr.GetKind() == ast.A_Expr_Kind_AEXPR_OP && isEquals(n.AExpr.GetName()) && a != nil && b != nil && sameConstant(a, b)
	case *ast.Node_BoolExpr:
		args := n.BoolExpr.GetArgs()
		switch n.BoolExpr.GetBoolop() {
		case ast.BoolExprType_NOT_EXPR:
			c := uncast(args[0]).GetAConst()
			b, ok := c.GetVal().(*ast.A_Const_Boolval)
			return ok && !b.Boolval.GetBoolval()
		case ast.BoolExprType_OR_EXPR:
			for _, arg := range args {
				if isAlways(arg) {
					return true
				}
			}
		case ast.BoolExprType_AND_EXPR:
			for _, arg := range args {
				if !isAlways(arg) {
					return false
				}
			}
			return true
		}
	}
	return false
}

func truth(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "t", "tr", "tru", "true", "y", "ye", "yes", "on", "1":
		return true
	}
	return false
}

func sameConstant(a, b *ast.A_Const) bool {
	if a.GetIsnull() || b.GetIsnull() {
		return false
	}
	switch x := a.GetVal().(type) {
	case *ast.A_Const_Ival:
		y, ok := b.GetVal().(*ast.A_Const_Ival)
		return ok && x.Ival.GetIval() == y.Ival.GetIval()
	case *ast.A_Const_Sval:
		y, ok := b.GetVal().(*ast.A_Const_Sval)
		return ok && x.Sval.GetSval() == y.Sval.GetSval()
	case *ast.A_Const_Boolval:
		y, ok := b.GetVal().(*ast.A_Const_Boolval)
		return ok && x.Boolval.GetBoolval() == y.Boolval.GetBoolval()
	}
	return false
}

func relationName(v *ast.RangeVar) string { return canonicalParts(v.GetSchemaname(), v.GetRelname()) }

// nameOf is the canonical name of a list of parts.
func nameOf(names []string) string {
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return canonicalParts("", names[0])
	default:
		return canonicalParts(names[n-2], names[n-1])
	}
}
