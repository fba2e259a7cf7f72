/* SPDX-License-Identifier: Apache-2.0 */
#include "receive/receive.h"

#include <stdlib.h>

#include "lib/base/units.h"
#include "lib/ipc/scoreboard.h"

enum {
	TRANSACTION_ARENA = 64 * 1024 * 1024, /* 100,000 recipients at most */
	HEAD_MAX = 128, /* of an envelope's record, without its strings */
};

/* They are made here so that the Received field can name them. */
uint64_t receive_next_id(struct receive *rx)
{
	rx->ids.worker = rx->frame->index;
	return mail_id_next(&rx->ids, loop_wall_ms(rx->frame->loop));
}

struct transaction *transaction_new(struct session *s)
{
	struct receive *rx = s->rx;
	struct transaction *tx = calloc(1, sizeof *tx);
	if (!tx) return NULL;
	tx->rx = rx;
	tx->session = s;
	tx->sid = s->sid;
	tx->handle = receive_next_id(rx);
	tx->began_ms = loop_now_ms(rx->frame->loop);
	arena_init(&tx->arena, TRANSACTION_ARENA);
	map_init(&tx->rcpts, RECEIVE_RCPTS_MAX + ENVELOPE_RCPTS_MAX, rx->transactions.seed);
	tx->named_end = &tx->named;
	if (!map_put(&rx->transactions, tx->handle, tx)) {
		free(tx);
		return NULL;
	}
	s->tx = tx;
	scoreboard_message(tx->handle);
	return tx;
}

static void transaction_free(struct transaction *tx)
{
	body_release(tx);
	buf_free(&tx->authors);
	link_remove(&tx->lost);
	(void)map_take(&tx->rx->transactions, tx->handle);
	free(tx->envelope.rcpts);
	map_free(&tx->rcpts);
	arena_free(&tx->arena);
	struct receive *rx = tx->rx;
	free(tx);
	session_resume_stalled(rx);
}

void transaction_drop(struct session *s)
{
	struct transaction *tx = s->tx;
	if (!tx) return;
	s->tx = NULL;
	tx->session = NULL;
	if (tx->committing) return; /* spool reads its blocks: freed by its answer */
	if (tx->big && s->rx->spool)
		channel_send_big_abort(s->rx->spool, &(struct msg_big_abort){ tx->handle });
	transaction_free(tx);
}

/* Addresses are written in one way (smtp_path_write), so that those of one mailbox differ
 * in case alone. */
static uint64_t rcpt_key(const struct transaction *tx, struct str address, bool named)
{
	return hash_str_nocase(address, tx->rcpts.seed + (named ? 1 : 0));
}

bool transaction_has_rcpt(const struct transaction *tx, struct str address)
{
	const struct envelope *e = &tx->envelope;
	uintptr_t at = (uintptr_t)map_get(&tx->rcpts, rcpt_key(tx, address, false));
	if (at == 0 || smtp_address_eq(e->rcpts[at - 1].address, address)) return at != 0;
	for (size_t i = 0; i < e->rcpt_count; i++) /* two of one hash */
		if (smtp_address_eq(e->rcpts[i].address, address)) return true;
	return false;
}

bool transaction_is_named(const struct transaction *tx, struct str address)
{
	return map_get(&tx->rcpts, rcpt_key(tx, address, true)) != NULL;
}

bool transaction_name(struct transaction *tx, struct str address)
{
	if (tx->named_count == 0) tx->first = arena_str(&tx->arena, address);
	if (!tx->first.at || !map_put(&tx->rcpts, rcpt_key(tx, address, true), tx)) return false;
	tx->named_count++;
	return true;
}

/* Three strings with their lengths, and a byte of flags. */
size_t transaction_rcpt_len(const struct envelope_rcpt *rcpt)
{
	return rcpt->address.len + rcpt->orcpt.len + rcpt->route.len + 3 * 4 + 1;
}

bool transaction_has_room(const struct transaction *tx, size_t count, size_t octets)
{
	const struct envelope *e = &tx->envelope;
	size_t head = HEAD_MAX + e->sender.len + e->envid.len + e->helo.len + e->sid.len +
	              e->user.len;
	return e->rcpt_count + count <= RECEIVE_RCPTS_MAX &&
	       head + tx->rcpts_len + octets <= RECEIVE_ENVELOPE_MAX;
}

void transaction_cut_rcpts(struct transaction *tx, size_t count)
{
	struct envelope *e = &tx->envelope;
	while (e->rcpt_count > count) {
		const struct envelope_rcpt *rcpt = &e->rcpts[--e->rcpt_count];
		tx->rcpts_len -= transaction_rcpt_len(rcpt);
		(void)map_take(&tx->rcpts, rcpt_key(tx, rcpt->address, false));
	}
}

bool transaction_add_rcpt(struct transaction *tx, const struct envelope_rcpt *rcpt)
{
	struct envelope *e = &tx->envelope;
	if (e->rcpt_count == tx->rcpt_cap) {
		size_t cap = tx->rcpt_cap ? tx->rcpt_cap * 2 : 1;
		void *rcpts = realloc(e->rcpts, cap * sizeof *e->rcpts);
		if (!rcpts) return false;
		e->rcpts = rcpts;
		tx->rcpt_cap = cap;
	}
	struct envelope_rcpt copy = *rcpt;
	copy.address = arena_str(&tx->arena, rcpt->address);
	copy.orcpt = arena_str(&tx->arena, rcpt->orcpt);
	copy.route = arena_str(&tx->arena, rcpt->route);
	if (!copy.address.at || !copy.orcpt.at || !copy.route.at) return false;
	uintptr_t place = (uintptr_t)e->rcpt_count + 1;
	if (!map_put(&tx->rcpts, rcpt_key(tx, copy.address, false), (void *)place)) return false;
	e->rcpts[e->rcpt_count++] = copy;
	tx->rcpts_len += transaction_rcpt_len(&copy);
	return true;
}

bool transaction_commit(struct transaction *tx)
{
	struct receive *rx = tx->rx;
	struct buf record, ranges;
	if (tx->failed || !rx->spool) return false;
	/* Below what ends the channel, and with it every transaction. */
	if (channel_backlog(rx->spool) > RECEIVE_BACKLOG_MAX) return false;
	tx->envelope.size = tx->size;
	tx->envelope.arrived_ms = loop_wall_ms(rx->frame->loop);
	buf_init(&record, RECEIVE_ENVELOPE_MAX);
	buf_init(&ranges, RECEIVE_WINDOW);
	envelope_encode(&record, &tx->envelope);
	window_ranges_put(&ranges, tx->ranges, tx->range_count);
	tx->committing = !record.overflowed && !ranges.overflowed;
	if (tx->committing)
		channel_send_commit(rx->spool, &(struct msg_commit){
			.handle = tx->handle, .id = tx->handle, .envelope = buf_view(&record),
			.ranges = buf_view(&ranges), .size = tx->size, .big = tx->big,
			.hold = tx->hold });
	buf_free(&record);
	buf_free(&ranges);
	return tx->committing;
}

/* The transaction is over: answers the client if it is still there. */
static void transaction_answer(struct transaction *tx, unsigned code, const char *dsn,
                               struct str text)
{
	struct session *s = tx->session;
	tx->committing = false;
	if (s) {
		smtp_server_answer(&s->smtp, code, dsn, text);
		s->tx = NULL;
	}
	transaction_free(tx);
	if (s) session_continue(s);
}

void transaction_committed(struct receive *rx, const struct msg_committed *m)
{
	struct transaction *tx = map_get(&rx->transactions, m->handle);
	if (!tx || !tx->committing) return;
	char line[64];
	struct buf text;
	buf_init_fixed(&text, line, sizeof line);
	buf_str(&text, STR("queued as "));
	buf_hex64(&text, m->id);
	tell_receive(tx);
	if (tx->session) tx->session->messages++;
	transaction_answer(tx, 250, "2.0.0", buf_view(&text));
}

void transaction_refused(struct receive *rx, const struct msg_refused *m)
{
	struct transaction *tx = map_get(&rx->transactions, m->handle);
	if (!tx || tx->refused_code) return;
	/* A refusal is one whatever is said with it: never let it read as success. */
	bool sane = m->code >= 400 && m->code < 600 && m->dsn.len > 0 &&
	            m->dsn.len < sizeof tx->refused_dsn;
	tx->refused_code = sane ? m->code : 451;
	(void)str_to_cstr(sane ? m->dsn : STR("4.3.0"), tx->refused_dsn, sizeof tx->refused_dsn);
	tx->refused_text = arena_str(&tx->arena, m->text);
	if (tx->committing) {
		if (tx->session)
			tell_refuse(tx->session, "data", tx->said, STR(""),
				&(struct verdict){ .code = tx->refused_code, .dsn = tx->refused_dsn,
					.text = tx->refused_text, .builtin = "spool" });
		transaction_answer(tx, tx->refused_code, tx->refused_dsn, tx->refused_text);
		return;
	}
	/* Refused while its pieces were still coming: the rest is swallowed, and the client
	 * told when it has sent it. */
	tx->failed = true;
	body_release(tx);
	session_resume_stalled(rx);
}

void transaction_spool_lost(struct receive *rx)
{
	/* Answering changes the map and may end other transactions: collect first, on a list
	 * that they leave when they end. */
	struct link lost;
	size_t at = 0;
	list_init(&lost);
	for (struct transaction *tx; (tx = map_next(&rx->transactions, &at, NULL));) {
		if (tx->committing) {
			list_add_tail(&lost, &tx->lost);
		} else if (tx->big) {
			tx->failed = true;
			body_release(tx);
		}
	}
	for (struct link *it; (it = list_take(&lost));)
		transaction_answer(CONTAINER(it, struct transaction, lost), 451, "4.3.0",
			STR("The mail store is restarting; try again in a moment"));
	session_resume_stalled(rx);
}
