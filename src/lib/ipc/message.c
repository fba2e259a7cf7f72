/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/message.h"

#include <assert.h>

/* The words of the table's sender and receiver sets. */
enum {
#define R(NAME, text) NAME = 1 << ROLE_##NAME,
	ROLES(R)
#undef R
};
enum {
	M = MASTER,
	ANY = (1 << ROLE_COUNT) - 1,
	ALL = ANY & ~MASTER,
	FD = 1 << 28,
	MAYBE_FD = 1 << 29,
};

enum field { FIELD_END, FIELD_u8, FIELD_u16, FIELD_u32, FIELD_u64, FIELD_str };

#define F(type, name) FIELD_##type,
#define MESSAGE(name, from, to, fields, text) \
	static const uint8_t fields_##name[] = { fields FIELD_END };
#include "lib/ipc/messages.def"
#undef MESSAGE
#undef F

static const struct {
	const char *name, *sentence;
	int from, to;
	const uint8_t *fields;
} table[MSG_COUNT] = {
	[MSG_NONE] = { .name = "none", .sentence = "" },
#define MESSAGE(name, from, to, fields, text) \
	[MSG_##name] = { #name, text, from, to, fields_##name },
#include "lib/ipc/messages.def"
#undef MESSAGE
};

#define F(type, name) buf_put_##type(b, m->name);
#define MESSAGE(name, from, to, fields, text) \
	void msg_##name##_put(struct buf *b, const struct msg_##name *m) { fields }
#include "lib/ipc/messages.def"
#undef MESSAGE
#undef F

#define F(type, name) m->name = cur_##type(&c);
#define MESSAGE(name, from, to, fields, text)                           \
	bool msg_##name##_get(struct str payload, struct msg_##name *m) \
	{                                                               \
		struct cur c = cur_of(payload);                         \
		fields return cur_done(&c);                             \
	}
#include "lib/ipc/messages.def"
#undef MESSAGE
#undef F

const char *msg_name(enum msg_type type)
{
	assert(type < MSG_COUNT);
	return table[type].name;
}

const char *msg_sentence(enum msg_type type)
{
	assert(type < MSG_COUNT);
	return table[type].sentence;
}

bool msg_may(enum msg_type type, enum role from, enum role to)
{
	if (type <= MSG_NONE || type >= MSG_COUNT || from == to) return false;
	return table[type].from >> from & 1 && table[type].to >> to & 1;
}

bool msg_has_fd(enum msg_type type) { return table[type].to & (FD | MAYBE_FD); }
bool msg_needs_fd(enum msg_type type) { return table[type].to & FD; }

bool msg_is_valid(enum msg_type type, struct str payload)
{
	struct cur c = cur_of(payload);
	if (type <= MSG_NONE || type >= MSG_COUNT) return false;
	for (const uint8_t *f = table[type].fields; *f != FIELD_END; f++) {
		switch ((enum field) * f) {
		case FIELD_u8: (void)cur_u8(&c); break;
		case FIELD_u16: (void)cur_u16(&c); break;
		case FIELD_u32: (void)cur_u32(&c); break;
		case FIELD_u64: (void)cur_u64(&c); break;
		case FIELD_str: (void)cur_str(&c); break;
		case FIELD_END: break;
		}
	}
	return cur_done(&c);
}

bool msg_pair(enum role a, enum role b)
{
	for (unsigned t = MSG_NONE + 1; t < MSG_COUNT; t++)
		if (msg_may((enum msg_type)t, a, b) || msg_may((enum msg_type)t, b, a))
			return true;
	return false;
}
