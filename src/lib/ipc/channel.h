/* SPDX-License-Identifier: Apache-2.0 */
/* A channel to another role: frames over a stream socketpair, written once per loop
 * turn, so that batches grow with load. Nothing is ever asked synchronously. */
#ifndef IMS_IPC_CHANNEL_H
#define IMS_IPC_CHANNEL_H

#include "lib/ipc/message.h"
#include "lib/os/loop.h"

enum {
	CHANNEL_FRAME_MAX = 16 * 1024 * 1024, /* one message: an envelope of 100,000 recipients */
	CHANNEL_BACKLOG_MAX = 64 * 1024 * 1024, /* unsent bytes; past it the channel is dead */
	CHANNEL_FDS_MAX = 64, /* descriptors that wait on one channel, each way */
};

struct channel;

struct channel_handler {
	/* A message that its sender may send to us and that can be decoded. `fd` is -1 or is
	 * now the receiver's. The channel may be freed here; `payload` lives until return. */
	void (*message)(void *arg, struct channel *ch, enum msg_type type, struct str payload,
	                int fd);
	/* The peer closed, sent what it may not send, or could not be written to. Called
	 * once; the channel is still the owner's, to be freed. */
	void (*closed)(void *arg, struct channel *ch);
};

/* Takes over `fd`. NULL: no memory (fd is closed). */
struct channel *channel_new(struct loop *l, int fd, enum role self, enum role peer,
                            unsigned peer_index, const struct channel_handler *handler,
                            void *arg);
void channel_free(struct channel *ch); /* closes; NULL is fine */
enum role channel_peer(const struct channel *ch);
unsigned channel_peer_index(const struct channel *ch);

/* Queues one message; goes out at the end of the turn. Asserts that we may send it.
 * A dead channel swallows it. */
#define MESSAGE(name, from, to, fields, text) \
	void channel_send_##name(struct channel *ch, const struct msg_##name *m);
#include "lib/ipc/messages.def"
#undef MESSAGE
/* The same with a descriptor, which stays the caller's: sent at once, or duplicated if
 * the kernel takes no more for now. */
#define MESSAGE(name, from, to, fields, text) \
	void channel_send_##name##_fd(struct channel *ch, const struct msg_##name *m, int fd);
#include "lib/ipc/messages.def"
#undef MESSAGE
/* Bytes not yet accepted by the kernel: over a limit of its own a sender holds back. */
size_t channel_backlog(const struct channel *ch);
/* Writes what is queued now, as far as the kernel takes it. */
void channel_flush(struct channel *ch);
/* Takes in what the peer has sent so far, outside of the loop's turn: for the last words
 * of a peer that is known to be gone. May end in closed(). */
void channel_pump(struct channel *ch);
/* False once nothing that is sent can arrive any more. */
bool channel_is_open(const struct channel *ch);
/* Calls `fn` for each message that the kernel never took whole: after the peer's death,
 * for a sender who wants to say it again. What the peer had not read is not among it. */
typedef void channel_unsent_fn(void *arg, enum msg_type type, struct str payload);
void channel_unsent(const struct channel *ch, channel_unsent_fn *fn, void *arg);
/* Why it was closed, for the log: "" if the peer just closed it. */
const char *channel_fault(const struct channel *ch);

#endif
