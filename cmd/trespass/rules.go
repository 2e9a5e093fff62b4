package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"trespass.dev/trespass/detect"
)

func rulesCommand(std streams) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List what is detected, what each rule needs to see and what it cannot see",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "text":
				return printRules(std)
			case "json":
				enc := json.NewEncoder(std.out)
				enc.SetIndent("", "  ")
				return enc.Encode(ruleList())
			case "markdown":
				_, err := fmt.Fprint(std.out, RulesTable())
				return err
			}
			return usageError(fmt.Errorf("-o %q: want text, json or markdown", format))
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text, json or markdown")
	completeFlag(cmd, "output", "text", "json", "markdown")
	return cmd
}

type ruleInfo struct {
	Rule      string `json:"rule"`
	Signature string `json:"signature"`
	Family    string `json:"family"`
	About     string `json:"about"`
	Needs     string `json:"needs"`
	Blind     string `json:"cannot_see"`
	Next      string `json:"next"`
}

func ruleList() []ruleInfo {
	var all []ruleInfo
	for _, r := range detect.Rules() {
		all = append(all, ruleInfo{r.Name, r.Signature, string(r.Family), r.About, r.Needs, r.Blind, r.Next})
	}
	return all
}

func printRules(std streams) error {
	for _, r := range ruleList() {
		if _, err := fmt.Fprintf(std.out, "%s (%s, %s)\n  %s\n  needs       %s\n  cannot see  %s\n  next        %s\n\n",
			r.Rule, r.Signature, r.Family, r.About, r.Needs, r.Blind, r.Next); err != nil {
			return err
		}
	}
	return nil
}

// RulesTable is the table of the README. A test holds the README to it.
func RulesTable() string {
	var b strings.Builder
	b.WriteString("| rule | fires when | needs to see | cannot see |\n|---|---|---|---|\n")
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	for _, r := range ruleList() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Rule, cell.Replace(r.About), cell.Replace(r.Needs), cell.Replace(r.Blind))
	}
	return b.String()
}
