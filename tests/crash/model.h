/* SPDX-License-Identifier: Apache-2.0 */
/* What the spool should hold, by the simplest means: the oracle of the crash suite. */
#ifndef IMS_TEST_CRASH_MODEL_H
#define IMS_TEST_CRASH_MODEL_H

#include "lib/base/buf.h"
#include "spool/store.h"

enum { MODEL_MSGS = 64, MODEL_RCPTS = 8, MODEL_NOTES = 4, MODEL_TEXT = 16384 };

struct model_msg {
	bool present;
	enum spool_msg_state state;
	uint32_t deaths, rcpts;
	size_t size;
	struct {
		enum spool_rcpt_state state;
		int64_t due_ms;
	} rcpt[MODEL_RCPTS];
};

struct model {
	struct model_msg msgs[MODEL_MSGS]; /* by id */
	size_t notes[MODEL_NOTES];         /* bytes of note "note-N"; 0: it is not there */
};

/* The byte at a place of the body of a message. */
static inline char model_byte(uint64_t id, size_t at)
{
	return (char)((id * 131 + at * 7 + at / 251) & 0xff);
}

/* Applies an operation that the spool said it has done; `size` of an arriving body. */
void model_apply(struct model *m, const struct spool_op *op, size_t size);
/* What the model holds, and what a spool holds, in the same words. */
void model_text(const struct model *m, struct buf *out);
void store_text(struct store *s, struct buf *out);

#endif
