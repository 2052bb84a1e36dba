package main

import (
	"bytes"
	"context"
	"encoding/binary"
	stdjson "encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/goccy/go-json"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	textColumns  = []string{"_partition", "_offset", "_timestamp", "_key", "_headers", "value"}
	typedColumns = []string{"_partition", "_offset", "_timestamp", "_key", "_headers", "order_id", "customer_id",
		"status", "amount", "currency", "quantity", "sku", "email", "updated_at", "paid"}
)

type order struct {
	OrderID    int64          `json:"order_id"`
	CustomerID int64          `json:"customer_id"`
	Status     string         `json:"status"`
	Amount     stdjson.Number `json:"amount"`
	Currency   string         `json:"currency"`
	Quantity   int32          `json:"quantity"`
	Sku        string         `json:"sku"`
	Email      string         `json:"email"`
	UpdatedAt  time.Time      `json:"updated_at"`
	Paid       bool           `json:"paid"`
}

func parseOrder(value []byte) (o order, err error) {
	if *parser == "std" {
		err = stdjson.Unmarshal(value, &o)
	} else {
		err = json.Unmarshal(value, &o)
	}
	return o, err
}

// pgEpoch is where PostgreSQL's timestamps begin.
var pgEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func appendHeader(b []byte) []byte {
	b = append(b, "PGCOPY\n\377\r\n\000"...)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

func appendInt4(b []byte, v int32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 4), uint32(v))
}

func appendInt8(b []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(append(b, 0, 0, 0, 8), uint64(v))
}

func appendTime(b []byte, t time.Time) []byte {
	return appendInt8(b, t.UnixMicro()-pgEpoch)
}

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

func appendNull(b []byte) []byte {
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

type jsonHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func headersJSON(r *kgo.Record) []byte {
	if len(r.Headers) == 0 {
		return nil
	}
	var hs []jsonHeader
	for _, h := range r.Headers {
		hs = append(hs, jsonHeader{h.Key, string(h.Value)})
	}
	out, _ := json.Marshal(hs)
	return out
}

// appendKafka writes the columns that every row has.
func appendKafka(b []byte, r *kgo.Record) []byte {
	b = appendInt4(b, r.Partition)
	b = appendInt8(b, r.Offset)
	b = appendTime(b, r.Timestamp)
	if r.Key == nil {
		b = appendNull(b)
	} else {
		b = appendBytes(b, r.Key)
	}
	if h := headersJSON(r); h != nil {
		b = binary.BigEndian.AppendUint32(b, uint32(len(h)+1))
		b = append(append(b, 1), h...)
	} else {
		b = appendNull(b)
	}
	return b
}

func appendTextRow(b []byte, r *kgo.Record) []byte {
	b = appendKafka(append(b, 0, byte(len(textColumns))), r)
	if r.Value == nil {
		return appendNull(b)
	}
	return appendBytes(b, r.Value)
}

// appendNumeric writes a decimal such as 123.45 the way numeric_recv reads it:
// digits to the base of 10000.
func appendNumeric(b []byte, s string) []byte {
	sign := uint16(0)
	if s[0] == '-' {
		sign, s = 0x4000, s[1:]
	}
	var digits [64]byte
	n, scale, dot := 0, 0, false
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			dot = true
			continue
		}
		if s[i] < '0' || s[i] > '9' || n == len(digits) {
			panic(fmt.Sprintf("not a plain decimal: %s", s))
		}
		digits[n] = s[i] - '0'
		n++
		if dot {
			scale++
		}
	}
	whole := n - scale
	groups := (whole + 3) / 4
	var out [40]uint16
	count := groups + (scale+3)/4
	for g := 0; g < count; g++ {
		v := uint16(0)
		for k := 0; k < 4; k++ {
			at := whole - groups*4 + g*4 + k
			d := byte(0)
			if at >= 0 && at < n {
				d = digits[at]
			}
			v = v*10 + uint16(d)
		}
		out[g] = v
	}
	first := 0
	for first < count && out[first] == 0 {
		first++
	}
	last := count
	for last > first && out[last-1] == 0 {
		last--
	}
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*(last-first)))
	b = binary.BigEndian.AppendUint16(b, uint16(last-first))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(groups-1-first)))
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale))
	for _, v := range out[first:last] {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func appendOrderRow(b []byte, r *kgo.Record, o *order) []byte {
	b = appendKafka(append(b, 0, byte(len(typedColumns))), r)
	b = appendInt8(b, o.OrderID)
	b = appendInt8(b, o.CustomerID)
	b = appendBytes(b, o.Status)
	b = appendNumeric(b, string(o.Amount))
	b = appendBytes(b, o.Currency)
	b = appendInt4(b, o.Quantity)
	b = appendBytes(b, o.Sku)
	b = appendBytes(b, o.Email)
	b = appendTime(b, o.UpdatedAt)
	paid := byte(0)
	if o.Paid {
		paid = 1
	}
	return append(b, 0, 0, 0, 1, paid)
}

func columns() []string {
	if *typed {
		return typedColumns
	}
	return textColumns
}

func copyHand(ctx context.Context, conn *pgx.Conn, b *batch) error {
	sql := "COPY " + *table + " ("
	for i, c := range columns() {
		if i > 0 {
			sql += ", "
		}
		sql += c
	}
	b.copied = append(b.copied, 0xff, 0xff)
	_, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(b.copied), sql+") FROM STDIN (FORMAT binary)")
	return err
}

func copyPgx(ctx context.Context, tx pgx.Tx, b *batch) error {
	row := make([]any, len(columns()))
	source := pgx.CopyFromSlice(len(b.records), func(i int) ([]any, error) {
		r := b.records[i]
		row[0], row[1], row[2], row[3], row[4] = r.Partition, r.Offset, r.Timestamp, string(r.Key), headersJSON(r)
		if !*typed {
			row[5] = string(r.Value)
			return row, nil
		}
		o := &b.orders[i]
		amount, err := numeric(string(o.Amount))
		row[5], row[6], row[7], row[8], row[9] = o.OrderID, o.CustomerID, o.Status, amount, o.Currency
		row[10], row[11], row[12], row[13], row[14] = o.Quantity, o.Sku, o.Email, o.UpdatedAt, o.Paid
		return row, err
	})
	_, err := tx.CopyFrom(ctx, pgx.Identifier{*table}, columns(), source)
	return err
}

func numeric(s string) (n pgtype.Numeric, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] == '.' {
			v, ok := new(big.Int).SetString(s[:i]+s[i+1:], 10)
			if !ok {
				return n, fmt.Errorf("not a number: %s", s)
			}
			return pgtype.Numeric{Int: v, Exp: int32(i + 1 - len(s)), Valid: true}, nil
		}
	}
	return n, n.Scan(s)
}
