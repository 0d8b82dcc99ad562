// Added to FerretDB's package of this name when it is built for tests: what PostgreSQL has sorted is not sorted again, so
// that no more is read than is answered.
package handler

import (
	"os"

	"github.com/FerretDB/FerretDB/internal/handler/common"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/iterator"
)

// Whether the database sorts by these fields: the program is told which one it is.
func databaseSorts(sort *types.Document) bool {
	return os.Args[2] == "postgresql" && sort.Len() > 0 && sort.Keys()[0] != "$natural"
}

func sorted(iter types.DocumentsIterator, closer *iterator.MultiCloser, sort *types.Document) (types.DocumentsIterator, error) {
	if databaseSorts(sort) {
		return iter, nil
	}
	return common.SortIterator(iter, closer, sort)
}
