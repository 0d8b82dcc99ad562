// Searches and orders that PostgreSQL answers from its indexes, added to FerretDB's package of this name when it is built
// for tests. FerretDB itself reads a whole collection to compare and to sort, which with ten thousand documents takes
// seconds.
//
// Whatever PostgreSQL finds FerretDB looks through once more, so it may find too much. It may find too little only where
// a list contains what is asked for: no field that is searched here is one.
package postgresql

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/FerretDB/FerretDB/internal/backends/postgresql/metadata"
	"github.com/FerretDB/FerretDB/internal/handler/sjson"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/must"
)

// How texts and dates are compared: the operator that an index on the field serves.
var comparisons = map[string]string{"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}

// The condition for a comparison of a text or a date, or nothing.
func comparison(p *metadata.Placeholder, key any, operator string, value any, keyOperator string) (string, []any) {
	sign, known := comparisons[operator]
	switch text := value.(type) {
	case string:
		// PostgreSQL keeps no zeros in texts. Whatever stands before a text and a zero is that text or stands before it.
		trimmed, ended := strings.CutSuffix(text, "\x00")
		if ended && operator == "$lt" {
			value, sign = trimmed, "<="
		}
		known = known && !strings.Contains(value.(string), "\x00")
	case time.Time:
	default:
		known = false
	}
	if !known {
		return "", nil
	}
	condition := fmt.Sprintf("%s%s%s %s %s", metadata.DefaultColumn, keyOperator, p.Next(), sign, p.Next())
	return condition, []any{key, string(must.NotFail(sjson.MarshalSingleValue(value)))}
}

// What to order by, or nothing for FerretDB's own orders. Texts and dates are in MongoDB's order here, too: the
// database has the collation "C".
func order(sort *types.Document) string {
	fields := make([]string, 0, sort.Len())
	for _, field := range sort.Keys() {
		if !plainField.MatchString(field) {
			return ""
		}
		direction := "ASC"
		if must.NotFail(sort.Get(field)) == int64(-1) {
			direction = "DESC"
		}
		fields = append(fields, fmt.Sprintf("%s->'%s' %s", metadata.DefaultColumn, field, direction))
	}
	if len(fields) == 0 {
		return ""
	}
	return " ORDER BY " + strings.Join(fields, ", ")
}

var plainField = regexp.MustCompile("^[a-z_]+$")
