/* SPDX-License-Identifier: Apache-2.0 */
/* A body on its way into the window. A short one waits there until it is committed
 * whole. A long one, or any when blocks become scarce, is sent in pieces that spool
 * writes to a file of its own: so every session can always make progress, whatever the
 * others hold. */
#include "receive/receive.h"

#include <stdlib.h>
#include <string.h>

enum {
	BODY_RANGES = RECEIVE_BODY_INLINE / WINDOW_BLOCK + 2,
	BODY_SCARCE_PART = 4, /* below a quarter of the blocks, bodies stream */
};

/* Blocks that were sent as one piece, until spool has taken them. */
struct piece {
	struct link link;
	size_t count;
	uint32_t offsets[BODY_RANGES];
};

void body_begin(struct transaction *tx)
{
	tx->ranges = calloc(BODY_RANGES, sizeof *tx->ranges);
	tx->failed = !tx->ranges;
	tx->big = false;
	tx->size = tx->untaken = tx->range_count = 0;
	list_init(&tx->sent);
}

static bool body_is_scarce(const struct receive *rx)
{
	return window_free_blocks(rx->window) < rx->window_blocks / BODY_SCARCE_PART;
}

static void body_give_ranges(struct transaction *tx)
{
	for (size_t i = 0; i < tx->range_count; i++)
		window_give(tx->rx->window, tx->ranges[i].offset);
	tx->range_count = 0;
}

/* The body cannot be kept any more. It is swallowed to its end, which may be long: what it
 * holds in blocks is given back now. */
static void body_fail(struct transaction *tx)
{
	tx->failed = true;
	body_give_ranges(tx);
}

/* Sends what is in the blocks as a piece. */
static void body_spill(struct transaction *tx)
{
	struct receive *rx = tx->rx;
	if (tx->range_count == 0 || tx->failed) return;
	struct piece *piece = rx->spool ? calloc(1, sizeof *piece) : NULL;
	if (!piece) {
		body_fail(tx);
		return;
	}
	char field[BODY_RANGES * sizeof(struct window_range) + 16];
	struct buf ranges;
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, tx->ranges, tx->range_count);
	for (size_t i = 0; i < tx->range_count; i++) piece->offsets[i] = tx->ranges[i].offset;
	piece->count = tx->range_count;
	list_add_tail(&tx->sent, &piece->link);
	tx->untaken += tx->range_count;
	tx->range_count = 0;
	tx->big = true;
	channel_send_big_piece(rx->spool, &(struct msg_big_piece){
		.handle = tx->handle, .ranges = buf_view(&ranges) });
}

/* Spills every body that holds blocks: one slow session must not keep a block that
 * another needs. */
static void body_spill_all(struct receive *rx)
{
	size_t at = 0;
	for (struct transaction *tx; (tx = map_next(&rx->transactions, &at, NULL));)
		if (tx->ranges && !tx->committing) body_spill(tx);
}

bool body_has_room(struct transaction *tx, size_t len)
{
	struct receive *rx = tx->rx;
	if (tx->failed) return true; /* swallowed */
	if (tx->untaken * WINDOW_BLOCK >= RECEIVE_UNTAKEN_MAX) return false;
	/* Line ends that are mended may double the length; a header adds some lines. */
	size_t blocks = len * 2 / WINDOW_BLOCK + 3;
	if (window_free_blocks(rx->window) >= blocks) return true;
	body_spill_all(rx);
	/* Without spool what others held is free again; with it, its answer wakes us. */
	return tx->failed || window_free_blocks(rx->window) >= blocks;
}

/* The block to write into, with room; NULL when none could be had. */
static struct window_range *body_block(struct transaction *tx)
{
	struct receive *rx = tx->rx;
	struct window_range *last = tx->range_count ? &tx->ranges[tx->range_count - 1] : NULL;
	if (last && last->len < WINDOW_BLOCK) return last;
	bool full = tx->range_count * WINDOW_BLOCK >= RECEIVE_BODY_INLINE;
	if (tx->range_count > 0 && (full || body_is_scarce(rx))) body_spill(tx);
	int64_t offset = tx->failed ? -1 : window_take(rx->window);
	if (offset < 0) return NULL;
	tx->ranges[tx->range_count] = (struct window_range){ (uint32_t)offset, 0 };
	return &tx->ranges[tx->range_count++];
}

void body_append(struct transaction *tx, struct str bytes)
{
	tx->size += bytes.len;
	while (bytes.len > 0 && !tx->failed) {
		struct window_range *block = body_block(tx);
		if (!block) {
			body_fail(tx);
			return;
		}
		size_t len = WINDOW_BLOCK - block->len;
		if (len > bytes.len) len = bytes.len;
		struct window_range at = { block->offset + block->len, (uint32_t)len };
		memcpy(window_at(tx->rx->window, at), bytes.at, len);
		block->len += (uint32_t)len;
		bytes = str_from(bytes, len);
	}
}

static void body_piece_free(struct transaction *tx, struct piece *piece)
{
	for (size_t i = 0; i < piece->count; i++)
		window_give(tx->rx->window, piece->offsets[i]);
	tx->untaken -= piece->count;
	link_remove(&piece->link);
	free(piece);
}

void body_taken(struct transaction *tx, uint32_t pieces)
{
	for (; pieces > 0 && tx->ranges && !list_empty(&tx->sent); pieces--)
		body_piece_free(tx, CONTAINER(tx->sent.next, struct piece, link));
}

void body_release(struct transaction *tx)
{
	if (!tx->ranges) return;
	body_give_ranges(tx);
	while (!list_empty(&tx->sent))
		body_piece_free(tx, CONTAINER(tx->sent.next, struct piece, link));
	free(tx->ranges);
	tx->ranges = NULL;
}
