// The consumer that a good team would write by hand instead of installing
// dataplat: franz-go reads, pgx writes with COPY BINARY, and the offsets are
// stored in the same transaction, so it is exactly once.
//
// A worker is one Kafka client and one connection.  Reading, decoding and
// encoding of the next batch run while the present one is being copied; a
// batch grows for as long as the connection is busy, up to -batch rows.
//
// Two ways to encode are offered, and the bench reports the better one:
// "pgx" is pgx.CopyFrom as its manual shows it, "hand" writes the COPY BINARY
// bytes itself.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

var (
	brokers = flag.String("b", "", "bootstrap servers")
	topic   = flag.String("t", "", "topic")
	total   = flag.Int64("n", 0, "messages to read")
	dsn     = flag.String("d", "", "connection string")
	table   = flag.String("T", "", "table; a second worker writes it too")
	workers = flag.Int("workers", 1, "workers")
	typed   = flag.Bool("typed", false, "decode the JSON to typed columns")
	encode  = flag.String("encode", "hand", "hand or pgx")
	parser  = flag.String("json", "goccy", "std or goccy")
	old     = flag.Bool("old", false, "speak the protocol of Kafka 2.1, for librdkafka's mock broker")
	maxRows = flag.Int("batch", 50000, "rows in a transaction, at most")
)

// batch is what one transaction writes: the rows, in one of two forms, and
// the offsets that follow them.
type batch struct {
	rows    int64
	copied  []byte        // -encode hand
	records []*kgo.Record // -encode pgx
	orders  []order
	next    map[int32]int64
}

func newBatch() *batch {
	b := &batch{next: map[int32]int64{}}
	if *encode == "hand" {
		b.copied = appendHeader(make([]byte, 0, *maxRows*280))
	}
	return b
}

func (b *batch) add(r *kgo.Record) {
	if *typed {
		o, err := parseOrder(r.Value)
		if err != nil {
			log.Fatal(err)
		}
		if *encode == "hand" {
			b.copied = appendOrderRow(b.copied, r, &o)
		} else {
			b.records = append(b.records, r)
			b.orders = append(b.orders, o)
		}
	} else if *encode == "hand" {
		b.copied = appendTextRow(b.copied, r)
	} else {
		b.records = append(b.records, r)
	}
	b.next[r.Partition] = r.Offset + 1
	b.rows++
}

// dial says how to reach the broker.
func dial() []kgo.Opt {
	opts := []kgo.Opt{kgo.SeedBrokers(*brokers)}
	if *old {
		opts = append(opts, kgo.MaxVersions(kversion.V2_1_0()), kgo.DisableFetchSessions())
	}
	return opts
}

// partitions reads the offsets where this worker's partitions continue.
func partitions(ctx context.Context, conn *pgx.Conn, worker int) map[int32]kgo.Offset {
	client, err := kgo.NewClient(dial()...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx, *topic)
	if err != nil {
		log.Fatal(err)
	}
	mine := map[int32]kgo.Offset{}
	for p := range topics[*topic].Partitions {
		if int(p)%*workers == worker {
			mine[p] = kgo.NewOffset().At(0)
		}
	}
	rows, err := conn.Query(ctx, "SELECT partition, next_offset FROM go_offset WHERE topic = $1", *topic)
	if err != nil {
		log.Fatal(err)
	}
	var p int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&p, &next}, func() error {
		if _, ok := mine[p]; ok {
			mine[p] = kgo.NewOffset().At(next)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	return mine
}

// read fills batches and hands one over whenever the writer is free.
func read(ctx context.Context, client *kgo.Client, full chan<- *batch) {
	b := newBatch()
	for {
		poll := ctx
		cancel := func() {}
		if b.rows > 0 {
			poll, cancel = context.WithTimeout(ctx, time.Millisecond)
		}
		fetches := client.PollRecords(poll, *maxRows-int(b.rows))
		cancel()
		if ctx.Err() != nil {
			return
		}
		for _, e := range fetches.Errors() {
			if e.Err != context.DeadlineExceeded {
				log.Fatal(e.Err)
			}
		}
		fetches.EachRecord(b.add)
		if b.rows == 0 {
			continue
		}
		if b.rows >= int64(*maxRows) {
			full <- b
			b = newBatch()
			continue
		}
		select {
		case full <- b:
			b = newBatch()
		default:
		}
	}
}

func write(ctx context.Context, conn *pgx.Conn, b *batch) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if *encode == "hand" {
		err = copyHand(ctx, conn, b)
	} else {
		err = copyPgx(ctx, tx, b)
	}
	if err != nil {
		return err
	}
	var ps []int32
	var offsets []int64
	for p, o := range b.next {
		ps = append(ps, p)
		offsets = append(offsets, o)
	}
	_, err = tx.Exec(ctx, `INSERT INTO go_offset (topic, partition, next_offset)
		SELECT $1, p, o FROM unnest($2::int[], $3::bigint[]) AS u (p, o)
		ON CONFLICT (topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset`, *topic, ps, offsets)
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func work(ctx context.Context, cancel context.CancelFunc, worker int, written *atomic.Int64) {
	conn, err := pgx.Connect(ctx, *dsn)
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(
		append(dial(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{*topic: partitions(ctx, conn, worker)}),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.FetchMaxWait(10*time.Millisecond),
			kgo.FetchMaxBytes(64<<20),
			kgo.FetchMaxPartitionBytes(4<<20),
			kgo.MaxConcurrentFetches(4))...,
	)
	if err != nil {
		log.Fatal(err)
	}
	full := make(chan *batch)
	go read(ctx, client, full)
	for {
		select {
		case b := <-full:
			if err := write(context.Background(), conn, b); err != nil {
				log.Fatal(err)
			}
			if written.Add(b.rows) >= *total {
				cancel()
			}
		case <-ctx.Done():
			return
		}
	}
}

func main() {
	flag.Parse()
	start := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var written atomic.Int64
	var wg sync.WaitGroup
	for w := 0; w < *workers; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			work(ctx, cancel, w, &written)
		}()
	}
	wg.Wait()
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	out, _ := json.Marshal(map[string]any{
		"rows":    written.Load(),
		"seconds": time.Since(start).Seconds(),
		"cpu":     time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds(),
	})
	fmt.Fprintln(os.Stdout, string(out))
}
