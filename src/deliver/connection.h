/* SPDX-License-Identifier: Apache-2.0 */
/* What connection.c, dialog.c, encrypt.c, login.c and wire.c share. */
#ifndef IMS_DELIVER_CONNECTION_H
#define IMS_DELIVER_CONNECTION_H

#include "deliver/deliver.h"

/* connection.c */
struct str reason_of(int error); /* errno in words */
/* Lets go of the socket and what spoke on it. */
void connection_close(struct connection *c);
void connection_open(struct connection *c);
/* What comes next; what the host that is left said of recipients is told. */
enum smtp_attempt_action attempt_next(struct connection *c,
				      const struct smtp_attempt_end *end);
/* What the attempt says now that something ended. True: connect to its target; else the
 * connection has gone. */
bool connection_next(struct connection *c, const struct smtp_attempt_end *end);
/* No host is left, or none is needed: the job is answered. */
void job_stop(struct connection *c, enum smtp_attempt_how how);

/* dialog.c: on with the machine, which gets these octets */
void connection_run(struct connection *c, struct str in);
void connection_watch(struct connection *c);

/* wire.c: octets, in the clear or through TLS; errors as in stream.h */
ssize_t wire_send(struct connection *c, struct str bytes);
ssize_t wire_recv(struct connection *c); /* into the role's read_buffer */
/* What a failed call failed of. */
struct str wire_reason(const struct connection *c, int error);
/* Receiving waits until something can be written. */
bool wire_recv_writes(const struct connection *c);
/* A last word, if it can be said at once: the answer to QUIT is not waited for, as nothing
 * depends on it, and another message could use the time. */
void wire_quit(struct connection *c);

/* encrypt.c */
/* How the target of the connection's job is to be spoken to. */
void encrypt_plan(const struct connection *c, struct secure_plan *plan);
/* False: not at all, for the `cause`, which is ours or the host's. */
bool encrypt_allows(struct connection *c, struct smtp_outcome *cause, bool *ours);
/* The machine wants TLS. True: it is under way, and goes on by encrypt_step; else the
 * machine knows that it has failed. */
bool encrypt_begin(struct connection *c);
void encrypt_step(struct connection *c);
/* Lets go of TLS and its place. */
void encrypt_end(struct connection *c);
/* For a while this host is spoken to in the clear, where that may be. */
void encrypt_note_failure(struct connection *c);

/* egress.c */
/* Sets the address from which the connection's target is connected to; the job may have to
 * take another egress for that. False: there is none, for the `cause`. `ours`: no target
 * can be connected to. */
bool egress_take(struct connection *c, struct smtp_outcome *cause, bool *ours);
/* The machine does not have the address that egress_take gave: it is left out for a while. */
void egress_missing(struct connection *c, int error);

/* token.c: a host did not take the connection's token */
void token_refused(struct connection *c);

/* login.c */
/* Before the machine begins: sets cfg.login, where the route wants that. False: the secret
 * has gone since the socket was asked for. */
bool login_begin(struct connection *c, const struct conf_route *route);
void login_prove(struct connection *c);  /* what the machine asked for */
void login_failed(struct connection *c); /* tells it, now and then */
/* It is over, or the socket is: no password stays. */
void login_forget(struct connection *c);

#endif
