/* SPDX-License-Identifier: Apache-2.0 */
/* Structs, encoders and decoders of messages.def. A decoded struct's strings point into
 * the record. Pure. */
#ifndef IMS_IPC_MESSAGE_H
#define IMS_IPC_MESSAGE_H

#include "lib/base/buf.h"
#include "lib/base/cur.h"
#include "lib/ipc/role.h"

typedef uint8_t msg_u8;
typedef uint16_t msg_u16;
typedef uint32_t msg_u32;
typedef uint64_t msg_u64;
typedef struct str msg_str;

enum msg_type {
	MSG_NONE,
#define MESSAGE(name, from, to, fields, text) MSG_##name,
#include "lib/ipc/messages.def"
#undef MESSAGE
	MSG_COUNT
};

#define F(type, name) msg_##type name;
#define MESSAGE(name, from, to, fields, text) struct msg_##name { fields };
#include "lib/ipc/messages.def"
#undef MESSAGE
#undef F

/* Appends the payload of a message (without the frame). */
#define MESSAGE(name, from, to, fields, text) \
	void msg_##name##_put(struct buf *b, const struct msg_##name *m);
#include "lib/ipc/messages.def"
#undef MESSAGE
/* False if the payload is not exactly one such message. */
#define MESSAGE(name, from, to, fields, text) \
	bool msg_##name##_get(struct str payload, struct msg_##name *m);
#include "lib/ipc/messages.def"
#undef MESSAGE

const char *msg_name(enum msg_type type);
const char *msg_sentence(enum msg_type type);
bool msg_may(enum msg_type type, enum role from, enum role to); /* any number is a type */
bool msg_has_fd(enum msg_type type);   /* may carry a descriptor */
bool msg_needs_fd(enum msg_type type); /* must carry one */
/* True if the payload is exactly one message of that type: then msg_NAME_get succeeds. */
bool msg_is_valid(enum msg_type type, struct str payload);
/* True if two roles have anything to say to each other, and so need a channel. */
bool msg_pair(enum role a, enum role b);

#endif
