/* SPDX-License-Identifier: Apache-2.0 */
/* The role `receive`: mail arrives. It holds the clients' sockets, drives the pure SMTP
 * machine, asks policy, and hands each body to spool through its window. It has no files
 * and nothing that it has promised: a 250 after the data is spool's word. */
#ifndef IMS_RECEIVE_RECEIVE_H
#define IMS_RECEIVE_RECEIVE_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/ipc/census.h"
#include "lib/mail/envelope.h"
#include "lib/mail/id.h"
#include "lib/mail/repair.h"
#include "lib/mail/scan.h"
#include "lib/mail/wishes.h"
#include "lib/os/bridge.h"
#include "lib/os/tls.h"
#include "lib/os/window.h"
#include "lib/policy/rate.h"
#include "lib/smtp/server.h"
#include "services/frame.h"

enum {
	RECEIVE_WINDOW = 64 * 1024 * 1024, /* bytes; only what is in use is resident */
	RECEIVE_READ = 64 * 1024,          /* one read */
	RECEIVE_INPUT_MAX = 128 * 1024,    /* unread input of one session */
	RECEIVE_OUTPUT_MAX = 256 * 1024,   /* unsent replies of one session */
	RECEIVE_BODY_INLINE = 256 * 1024,  /* a longer body streams to a file of its own */
	RECEIVE_UNTAKEN_MAX = 1024 * 1024, /* bytes of one body on their way to that file */
	RECEIVE_RCPTS_MAX = 10000,         /* of one message; spool keeps no more */
	RECEIVE_ENVELOPE_MAX = 256 * 1024, /* octets of its record; spool keeps no more */
	RECEIVE_BACKLOG_MAX = 32 * 1024 * 1024, /* bytes not yet taken by spool's channel */
	RECEIVE_ACCEPT_BATCH = 16,
	RECEIVE_LISTENERS_MAX = 256,
	RECEIVE_SESSIONS_MAX = 200000,
	RECEIVE_LINGER_MS = 2000,
	RECEIVE_STOP_MS = 5000,       /* of silence in the middle of a text, once the service stops */
	RECEIVE_LOOKUP_MS = 30 * 1000,
	RECEIVE_LOGIN_MS = 90 * 1000, /* directory gives up before, delays counted in */
	RECEIVE_USER_MAX = 320,       /* octets of an authenticated identity */
	RECEIVE_SHUN_MAX = 1024,
	RECEIVE_PROXY_MS = 5000,      /* for a proxy to say for whom it speaks */
	RECEIVE_INQUIRIES_MAX = 4096, /* clients that the DNS is being asked about */
	RECEIVE_INQUIRY_MS = 5000,    /* for all answers about one */
	RECEIVE_HANDSHAKES_MAX = 512, /* at one time; each needs about 60 KiB */
	RECEIVE_HANDSHAKE_MS = 30 * 1000,
	RECEIVE_TLS_FAILS_MAX = 20, /* told in each minute; the rest is counted */
	AUTH_OFFERS = 8, /* with and without TLS, channel binding, client's certificate */
	RECEIVE_ETRN_MAX = 20, /* in one session */
	RECEIVE_ETRN_DOMAINS = 64 * 1024, /* octets of the domains of one */
	RECEIVE_TURNED_MAX = 64,       /* connections that are turned, or about to be */
	RECEIVE_TURNED_MS = 30 * 60 * 1000, /* of silence on one: deliver has less patience */
	RECEIVE_ATRN_MAX = 20, /* in one session that are not granted */
	RECEIVE_NOTES_MAX = 500, /* refusals of one second of which spool is told; the log has all */
};

struct session;
struct receive;

/* For which event of the machine a session waits for directory (RELEASE, TURN: for spool). */
enum asked { ASKED_RELEASE, ASKED_TURN, ASKED_SENDER, ASKED_RECIPIENT, ASKED_AUTHOR, ASKED_VERIFY };

/* What an address stands for, as directory says; see `found` in messages.def. */
struct expanded {
	uint8_t how; /* enum stands_for */
	struct str targets, rule;
};

/* An address that the client named and that stands for others. */
struct named {
	struct named *next;
	struct str address, rule;
	struct str targets; /* with commas between them, perhaps cut */
	uint32_t count;
};

/* One listening socket. Outlives its block in the configuration, and its socket, for its
 * sessions; freed when both have gone. */
struct rx_listener {
	struct receive *rx;
	struct loop_io *io;
	int fd;
	char name[128];
	const struct conf_listener *conf; /* of this generation, or &retired */
	struct conf_listener retired;
	unsigned census_index; /* place of its block in this generation */
	size_t session_count;
	struct link waiting; /* sessions that wait for the greeting, in the order of their time */
	char tls[TLS_DESCRIPTION_MAX]; /* what deliver has encrypted a visitor with; empty: nothing */
};

/* The mail transaction of a session, from MAIL to the last word about it. It outlives
 * the session while spool still reads its blocks. */
struct transaction {
	struct receive *rx;
	struct link lost; /* while transaction_spool_lost is at work */
	struct session *session; /* NULL: the client has gone */
	uint64_t handle;         /* also the message's id */
	uint64_t sid;
	struct arena arena;
	struct envelope envelope;
	struct str said; /* the sender as the client named it; the envelope may have another */
	size_t rcpt_cap;
	size_t rcpts_len; /* octets of the recipients in the envelope's record */
	struct map rcpts; /* hash of an address -> its place in the envelope, from 1; of a named one */
	struct named *named, **named_end; /* those that stand for others */
	struct str first;  /* the address that the client named first */
	size_t named_count; /* addresses that it named, each once */
	struct mail_scan scan;    /* of the text as it came */
	struct mail_wishes wishes;
	struct mail_repair *repair; /* in the arena; NULL: the text goes on as it comes */
	struct str hold; /* why it is to be held; empty: it is not */
	/* The mailboxes of From and Sender, where they are asked for: first the values of the
	 * fields, at the end of the text one address a line. */
	struct buf authors;
	size_t author_at; /* of the one that is being asked about */
	/* body */
	struct window_range *ranges; /* blocks that wait to be sent; one holds WINDOW_BLOCK */
	size_t range_count;
	size_t untaken;     /* blocks sent in pieces, not yet taken */
	struct link sent;   /* struct piece, in order */
	uint64_t size;      /* octets so far, our Received field included */
	bool big;           /* pieces have been sent */
	bool failed;        /* cannot be kept any more: the data are swallowed, then refused */
	bool committing;
	/* What spool said while the text still came; code 0: nothing. */
	uint16_t refused_code;
	char refused_dsn[16];
	struct str refused_text;
	struct str tls; /* protocol and cipher, empty: in the clear */
	int64_t began_ms;
};

/* TURNED: the machine is through, `bridge` has the connection. */
enum session_state { SESSION_OPEN, SESSION_CLOSING, SESSION_LINGER, SESSION_TURNED };

struct session {
	struct receive *rx;
	struct rx_listener *listener;
	const struct conf_host *host; /* session_find_rules */
	const struct conf_network *relay_from, *relay_never;
	struct loop_io *io;
	struct link idle;    /* in rx->idle[...], ordered by the last sign of life */
	struct link stalled; /* in rx->stalled while no block is free */
	struct transaction *tx;
	struct smtp_server smtp;
	struct tls *tls; /* NULL: in the clear */
	struct buf in, out;
	struct ip client;
	/* The other end of the connection, and who speaks there: the same, or whom a proxy names.
	 * XCLIENT changes the client alone. */
	struct ip peer, speaker;
	/* What is known of the client (inquiry.c, greet.c). */
	struct inquiry *inquiry; /* NULL: nothing is being asked */
	char *name;              /* of its address; NULL: none is known */
	uint32_t listed;
	uint8_t client_name, helo_resolves; /* enum client_name, enum answer */
	bool lists_known, early;
	struct link waiting; /* for the greeting: in listener->waiting */
	int64_t greet_ms;
	uint64_t sid, query;
	uint64_t login; /* number of the login that goes on; 0: none */
	struct str user; /* authenticated identity, the session's own; empty: none */
	unsigned char binding[TLS_BINDING]; /* of the connection, for SASL */
	int64_t alive_ms, opened_ms, asked_ms;
	/* What directory said to the question of the event at hand; its strings live until
	 * that is worked off. */
	struct owner found;
	struct expanded expanded;
	enum asked asked; /* while `query` is not 0 */
	int fd;
	unsigned messages;
	unsigned unknown; /* recipients that do not exist */
	unsigned etrns;   /* ETRN and ATRN that were asked for and not refused */
	unsigned census_index; /* of the listener when the session began */
	uint16_t port;
	uint8_t state, idle_class;
	bool bound;        /* `binding` is filled in */
	bool certified;    /* the client's certificate is good and has an address */
	bool login_waits;  /* directory owes the answer to a step of it */
	bool expands; /* what is verified is for EXPN */
	bool login_told;   /* that it fails */
	bool polite; /* the client said QUIT: nothing more comes */
	bool securing;    /* 220 to STARTTLS is said, or about to be */
	bool turning;     /* the same of 250 to ATRN */
	bool handshaking; /* TLS has begun and does not stand yet */
	bool proxying;    /* the proxy has not yet said for whom it speaks */
	bool greeted;
	bool waits;       /* at RCPT, for what is being asked about the client */
	bool told;        /* that it has connected */
	int line;         /* our end of the line to deliver; -1: none */
	struct bridge *bridge;
	char literal[56]; /* "[192.0.2.1]" */
	const char *reason; /* of the end, for the log */
};

enum { IDLE_COMMAND, IDLE_DATA, IDLE_LINGER, IDLE_HANDSHAKE, IDLE_PROXY, IDLE_TURNED, IDLE_CLASSES };

/* What master has sent for a listener block. */
struct rx_certificates {
	char name[128];
	struct tls_server *server;
};

struct receive {
	struct frame *frame;
	struct window *window;
	size_t window_blocks; /* of the window, in all; at least 19, for one read */
	struct channel *spool, *directory, *dns;
	struct census *census;
	struct tally *tally;
	char rate_text[RATE_REPLY_MAX]; /* of the last verdict of rate.c */
	struct smtp_server_settings smtp;
	struct map transactions; /* handle -> struct transaction */
	struct map lookups;      /* query -> struct session */
	struct map logins;       /* login -> struct session */
	char auth_offer[AUTH_OFFERS][120]; /* mechanisms, by what the session has */
	struct link idle[IDLE_CLASSES];
	struct link stalled;
	struct rx_listener *listeners[RECEIVE_LISTENERS_MAX];
	size_t listener_count;
	struct loop_timer *sweep, *accept_pause;
	struct map inquiry_map;  /* number -> struct inquiry */
	struct link inquiries;   /* the same, in the order of asking */
	struct loop_timer *inquiry_end, *greeter;
	uint64_t next_inquiry;
	int64_t greet_due_ms;    /* of `greeter`; 0: not set */
	int64_t list_told_ms[CLIENT_LISTS_MAX]; /* of the last event list_fault */
	struct { struct ip client; int64_t until_ms; } shunned[RECEIVE_SHUN_MAX];
	size_t shunned_count;
	struct rx_certificates certificates[RECEIVE_LISTENERS_MAX];
	size_t certificates_count;
	size_t handshakes;
	struct { int64_t since_ms; unsigned told, untold; } tls_fails;
	unsigned notes; /* sent in this second */
	struct mail_ids ids;
	uint64_t next_query;
	unsigned accept_budget; /* clients taken in one turn */
	size_t session_count, turned_count;
	bool disk_low, draining, left;
	char future[48]; /* what FUTURERELEASE says in the answer to EHLO */
	bool resuming, resume_due; /* session_resume_stalled is at work; and has more */
	char read_buffer[RECEIVE_READ];
};

/* role.c: says goodbye, once, when it is to and no session is left */
void receive_leave_if_idle(struct receive *rx);

/* accept.c */
void accept_listener(struct receive *rx, struct str name, unsigned address, int fd);
void accept_listener_end(struct receive *rx, struct str name);
void accept_reload(struct receive *rx); /* listeners and host rules of the new generation */
void accept_stop(struct receive *rx);
/* A session of the listener has gone; frees the listener if that was what kept it. */
void accept_session_gone(struct rx_listener *listener);
void accept_shun(struct receive *rx, struct ip client, int64_t until_ms);
void accept_pause_over(void *arg);
/* Says it, and closes. */
void accept_refuse(struct rx_listener *listener, int fd, struct ip client,
                   const struct verdict *v);
/* What the rules of the stage connect say of the client; `proxy`: it will name another. */
struct verdict accept_verdict(struct rx_listener *listener, struct ip client,
                              const struct census_counts *counts, bool proxy);
/* TLS from the first byte: if it cannot be had now, there is nothing to say. */
struct verdict accept_tls(struct rx_listener *listener);

/* session.c */
struct session *session_new(struct rx_listener *listener, int fd, struct ip client,
                            uint16_t port);
void session_start(struct session *s); /* it is known who the client is */
void session_greet(struct session *s);
/* Another client than before, of whom nothing is known: what the stage connect says of it. */
struct verdict session_become(struct session *s, struct ip client, uint16_t port);
void session_forget_user(struct session *s);
/* Looks up what the configuration says of the client; again when there is a new one. */
void session_find_rules(struct session *s);
void session_continue(struct session *s); /* the machine may go on after an answer */
void session_end(struct session *s, const char *reason);
void session_shutdown_all(struct receive *rx, bool now);
void session_sweep(void *arg);
void session_touch(struct session *s, int idle_class); /* a sign of life */
void session_watch(struct session *s);
bool session_listen(struct session *s); /* to the socket; false: no memory */
void session_close(struct session *s); /* all is said; the client may still be talking */
void session_resume_stalled(struct receive *rx);

/* greet.c */
void greet_begin(struct session *s); /* greets now, or when the wait is over */
void greet_ready(struct session *s); /* the socket is ready during the wait */
void greet_now(struct session *s);   /* the wait is over */
void greet_over(void *arg);
/* Instead of the greeting: what refuses the client, and the end. */
void greet_refuse(struct session *s, const char *stage, const struct verdict *v);

/* proxy.c, xclient.c: another says who the client is */
void proxy_begin(struct session *s);
void proxy_ready(struct session *s);
void proxy_late(struct session *s);
uint8_t xclient_offer(const struct session *s); /* enum smtp_xclient_offer */
void xclient_event(struct session *s);

/* inquiry.c: what the DNS says of the client */
/* Asks for what policy wants and is not asked yet. Without dns, memory or room it cannot be
 * told. dialog_known, greet_now and tell_connect follow from the answers. */
void inquiry_ask(struct session *s);
void inquiry_hello(struct session *s); /* the same behind EHLO */
void inquiry_drop(struct session *s);  /* and forgets what is known */
void inquiry_reload(struct session *s);
bool inquiry_owes_name(const struct session *s);
bool inquiry_owes_facts(const struct session *s); /* that a rule wants */
void inquiry_answer(struct receive *rx, const struct msg_dns_found *m);
void inquiry_late(void *arg);
void inquiry_dns_lost(struct receive *rx);

/* secure.c: TLS */
void secure_certificates(struct receive *rx, const struct msg_certificates *m, int fd);
void secure_reload(struct receive *rx); /* forgets those of listeners that have gone */
void secure_free(struct receive *rx);
/* Whether a handshake may begin; NULL: yes, else why not. */
const char *secure_refusal(struct receive *rx, const char *listener);
/* `out` is sent: from here on the socket speaks TLS. */
void secure_begin(struct session *s);
void secure_step(struct session *s); /* the socket is ready during the handshake */
/* The client's TLS is no good after the handshake. */
void secure_failed(struct session *s);

/* dialog.c: what the machine's events mean */
enum dialog { DIALOG_GO_ON, DIALOG_WAIT, DIALOG_CLOSE };
enum dialog dialog_event(struct session *s, const struct smtp_event *event);
/* More is known of a client that waits at RCPT. */
void dialog_known(struct session *s);
/* The answer to the session's question. */
void dialog_found(struct session *s, const struct owner *found);
struct facts dialog_facts(const struct session *s);
/* Answers the event at hand with a refusal, and tells it. */
void dialog_refuse(struct session *s, const char *stage, struct str from, struct str to,
                   const struct verdict *v);
/* With one that no rule of policy makes. */
void dialog_fail(struct session *s, const char *stage, unsigned code, const char *dsn,
                 struct str text, const char *builtin);
void dialog_no_memory(struct session *s, const char *stage);

/* recipient.c: RCPT */
enum dialog recipient_event(struct session *s);
/* What directory has said, for policy. */
void recipient_facts(const struct session *s, struct facts *facts);

/* ask.c: who is asked about a mailbox */
/* Fills in s->found; DIALOG_WAIT: directory is asked, dialog_found comes. */
enum dialog ask_owner(struct session *s, enum asked what, struct str address);
bool ask_is_for_spool(const struct session *s); /* while its query is not 0 */
/* A session that waits for spool (of_spool) or for directory; NULL: none does. */
struct session *ask_any(const struct receive *rx, bool of_spool);
/* Asks, also about an address that no directory has. */
enum dialog ask_recipient(struct session *s, enum asked what, struct str address,
                          struct str domain);

/* content.c: the end of the text */
enum dialog content_end(struct session *s);

/* extra.c: extensions of MAIL that are not for everybody */
void extra_tick(struct receive *rx); /* every second */
/* False: what MAIL asks for cannot be had, and that has been said. */
bool extra_check(struct session *s, struct str sender);
void extra_offer(struct session *s); /* after whatever decides about it has changed */
void extra_mail_accept(struct session *s); /* answers MAIL, with what becomes of its wishes */
/* What MAIL asked for goes into the envelope; behind the text what its header says does. */
void extra_envelope(struct session *s, struct envelope *e);
void extra_header(struct session *s);
/* Whether MT-PRIORITY was said with MAIL, and what it is now. */
bool extra_priority_said(struct session *s, int8_t *value);

/* repair.c: what the listener mends in the header */
/* Who the sender is from here on. */
struct str repair_sender(const struct session *s, struct str sender);
/* False: no memory. */
bool repair_begin(struct session *s);
void repair_body(struct transaction *tx, struct str bytes); /* instead of body_append */
void repair_end(struct transaction *tx); /* the text is whole */

/* auth.c: logging in, which directory decides */
void auth_settings(struct receive *rx);
void auth_offer(struct session *s); /* after whatever decides about it has changed */
enum dialog auth_event(struct session *s);
void auth_drop(struct session *s);  /* the login that goes on is over; no-op if none */
void auth_secured(struct session *s); /* TLS stands; who logged in before has not */
void auth_reply(struct receive *rx, const struct msg_auth_reply *m);
void auth_directory_lost(struct receive *rx);
void auth_sweep(struct receive *rx); /* answers what directory has forgotten */

/* rate.c: what may come in which time. Texts of verdicts live until the next call. */
struct verdict rate_connect(struct receive *rx, const struct facts *f);
/* `v`: what was decided of the sender, which is accepted. */
struct verdict rate_sender(struct session *s, const struct facts *f, struct verdict v);
/* Of a recipient that is accepted otherwise; a hold is noted on the transaction. */
struct verdict rate_recipient(struct session *s, const struct facts *f, struct str address);

/* verify.c: VRFY and EXPN, and who guesses users */
void verify_offer(struct session *s); /* after whatever decides about it has changed */
enum dialog verify_event(struct session *s);
/* Counts a refusal of somebody who does not exist; may become one that ends the session. */
void verify_unknown(struct session *s, struct verdict *v);

/* etrn.c: who asks for mail that waits */
void etrn_offer(struct session *s); /* after whatever decides about it has changed */
enum dialog etrn_event(struct session *s);
/* What spool says to it; NULL: it does not answer (in time). */
void etrn_released(struct session *s, const struct msg_released *m);
void etrn_spool_lost(struct receive *rx);

/* visitor.c: a host that sends the mail that was fetched from it. Takes over `fd`. */
void visitor_take(struct receive *rx, const struct msg_visitor *m, int fd);
/* What the connection is encrypted with, here or by deliver; nothing where it is in the clear. */
void session_tls(const struct session *s, struct buf *out);

/* atrn.c: who fetches mail that waits (On-Demand Mail Relay) */
enum dialog atrn_event(struct session *s);
/* What spool says to it; NULL: it does not answer (in time). */
void atrn_turned(struct session *s, const struct msg_turned *m);
/* `out` is sent: from here on the socket is deliver's, by the bridge. */
void atrn_begin(struct session *s);
void atrn_drop(struct session *s); /* lets go of the line and the bridge; no-op if none */

/* transaction.c */
struct transaction *transaction_new(struct session *s);
/* Lets go of the session's transaction; freed now, or when spool has answered. */
void transaction_drop(struct session *s);
/* Octets of a recipient in the envelope's record. */
size_t transaction_rcpt_len(const struct envelope_rcpt *rcpt);
/* Whether the envelope can take so many more, with so many octets. */
bool transaction_has_room(const struct transaction *tx, size_t count, size_t octets);
bool transaction_add_rcpt(struct transaction *tx, const struct envelope_rcpt *rcpt);
/* Forgets those that were added last, until `count` are left. */
void transaction_cut_rcpts(struct transaction *tx, size_t count);
bool transaction_has_rcpt(const struct transaction *tx, struct str address);
/* The address that the client named; false: no memory. */
bool transaction_name(struct transaction *tx, struct str address);
bool transaction_is_named(const struct transaction *tx, struct str address);
/* Hands it to spool, which answers; false: it cannot be kept now. */
bool transaction_commit(struct transaction *tx);
void transaction_committed(struct receive *rx, const struct msg_committed *m);
void transaction_refused(struct receive *rx, const struct msg_refused *m);
void transaction_spool_lost(struct receive *rx);
uint64_t receive_next_id(struct receive *rx);

/* body.c */
void body_begin(struct transaction *tx);
void body_append(struct transaction *tx, struct str bytes);
/* Whether `len` more bytes may be fed to the machine now; if not, the session stalls. */
bool body_has_room(struct transaction *tx, size_t len);
void body_taken(struct transaction *tx, uint32_t pieces);
void body_release(struct transaction *tx); /* gives all blocks back */

/* tell.c: events */
void tell_connect(struct session *s);
void tell_disconnect(struct session *s);
void tell_refused_connection(struct rx_listener *listener, struct ip client,
                             const char *stage, const struct verdict *v);
/* A refusal as event, and for the postmaster where he wants to know. `to` may be empty. */
void tell_refuse(struct session *s, const char *stage, struct str from, struct str to,
                 const struct verdict *v);
/* A message will be held, as event, and for the postmaster where he wants to know. */
void tell_hold(struct session *s, struct str from, struct str to, const struct verdict *v);
/* Who was put off came again. */
void tell_grey_pass(struct session *s, struct str to, int64_t waited_ms);
void tell_receive(struct transaction *tx);
void tell_repair(struct session *s); /* what was mended, if anything */
/* A message that goes round: as many of its Received fields are too many, by the setting `rule`. */
void tell_loop(struct session *s, uint32_t count, const char *rule);
/* `count` 0: it is not known. */
void tell_etrn(struct session *s, unsigned code, uint64_t count);
void tell_atrn(struct session *s, uint64_t recipients);
void tell_atrn_end(struct session *s, uint64_t octets, int64_t delay_ms, const char *reason);
void tell_auth(struct session *s, struct str mechanism);
/* `user`: what the client called itself; empty if it did not get that far. */
void tell_auth_fail(struct session *s, struct str user, unsigned code, const char *dsn,
                    struct str reason);
void tell_timeout(struct session *s);
/* `stage`: handshake or session. Many are told as a few and a number. */
void tell_tls_fail(struct session *s, const char *stage, const char *error);

#endif
