/* SPDX-License-Identifier: Apache-2.0 */
/* The role `deliver`: mail leaves. It takes relay jobs from spool, asks dns for the hosts,
 * speaks SMTP or LMTP to them with the pure client machine, and answers each job with one
 * result for every recipient. It has sockets only: no files, and of a message no more than
 * what is on its way. Which host is next is decided by lib/smtp/attempt alone. */
#ifndef IMS_DELIVER_DELIVER_H
#define IMS_DELIVER_DELIVER_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "deliver/proof.h"
#include "lib/mail/envelope.h"
#include "lib/mail/job.h"
#include "lib/os/own.h"
#include "lib/os/window.h"
#include "lib/policy/tally.h"
#include "lib/os/tls.h"
#include "lib/route/health.h"
#include "lib/route/egress.h"
#include "lib/route/secure.h"
#include "lib/route/self.h"
#include "lib/smtp/attempt.h"
#include "lib/transport/mtasts.h"
#include "services/frame.h"

enum {
	DELIVER_JOBS_MAX = 4096,               /* in hand and waiting; spool sends no more */
	DELIVER_MEMORY_MAX = 256 * 1024 * 1024, /* octets of all of them */
	DELIVER_CONNECTIONS_MAX = 32768,       /* whatever the configuration says */
	DELIVER_READ = 64 * 1024,              /* one read */
	DELIVER_OUT_MAX = 256 * 1024,          /* unsent octets of one connection */
	DELIVER_OUT_FILL = 64 * 1024,          /* over that no more text is put there */
	DELIVER_TURN_MAX = 1024 * 1024,        /* octets of one connection in one turn */
	DELIVER_RESOLVE_MS = 30 * 1000,        /* for all questions of one job */
	DELIVER_STS_MS = 45 * 1000,            /* for a policy; http is done before */
	DELIVER_TEXT_MS = 60 * 1000,           /* for spool to hand over a text */
	DELIVER_DRAIN_MS = 30 * 1000,          /* for transactions in hand */
	DELIVER_HURRY_MS = 5 * 1000,           /* to connect, where the job is to hurry */
	/* The same, where it only looks: so long that a lost SYN is sent again. Then for all
	 * addresses, and for the DNS. */
	DELIVER_LOOK_MS = 1500,
	DELIVER_LOOK_ALL_MS = 3000,
	DELIVER_LOOK_DNS_MS = 5 * 1000,
	DELIVER_AGE_MS = 5 * 60 * 1000,        /* an older connection takes no new message */
	DELIVER_NAME_MAX = 256,                /* of a host, or the path of a socket */
	DELIVER_FOLDERS_MAX = 64,              /* where sockets of LMTP servers lie */
	DELIVER_SENTENCE_MAX = 400,
	DELIVER_HANDSHAKES_MAX = 128,          /* at one time; others wait their turn */
	DELIVER_FILES_MAX = CONF_ROUTE_FILES_MAX + 1, /* and those that routes share */
	DELIVER_CLEAR_MAX = 256,               /* hosts whose TLS failed */
	DELIVER_CLEAR_MS = 10 * 60 * 1000,     /* how long they are remembered */
	DELIVER_DANE_MAX = 128 * 1024,         /* octets of TLSA records of one connection */
	DELIVER_MISSING_MAX = 128, /* own addresses that are left out: no pool has more */
	DELIVER_MISSING_MS = 5 * 60 * 1000,    /* and how long */
	DELIVER_LOGIN_TOLD_MS = 60 * 60 * 1000, /* one login_fail of a route in that time */
	DELIVER_OWN_MAX = 64,                  /* next hops that are we, of which it was told */
	DELIVER_OWN_TOLD_MS = 60 * 60 * 1000,
	DELIVER_ANSWERS_MAX = 256,             /* told of one host, one event each */
	DELIVER_VISITS_MAX = 32,               /* of hosts that send their mail over our connection */
	DELIVER_VISIT_MS = 30 * 60 * 1000,     /* of silence on one: receive has less patience */
	DELIVER_LINES_MAX = 128,               /* of hosts that have turned a connection */
	DELIVER_LINE_IDLE_MS = 90 * 1000,      /* spool ends one before that */
	DELIVER_TOKENS_MAX = 16,
	DELIVER_TOKEN_MS = 30 * 1000,          /* for the first of them to come */
	DELIVER_TLS_MAX = TLS_DESCRIPTION_MAX, /* of what events tell of it */
};

struct deliver;
struct connection;

/* One place to connect to: an address and port, or a socket's path (then port is 0). */
struct target {
	struct ip ip;
	uint16_t port;
	char name[DELIVER_NAME_MAX]; /* of the host, or the path */
	uint64_t hop; /* rotation_key of what it was found for; 0: by MX */
	/* What the DNS knows of the host; the strings stand in the connection's `dane`. */
	bool secure;
	enum mx_dane dane;
	uint32_t base_at, base_len, tlsa_at, tlsa_len;
	bool sts_has; /* the domain's MTA-STS policy lists it */
	bool cut;     /* a look had no time for it: nothing is known of it */
	char tls[DELIVER_TLS_MAX]; /* of the last connection to it; empty: none, or clear */
};

/* The text of a message, as spool hands it over: ranges in its window, or a file. */
enum text_state { TEXT_NONE, TEXT_ASKED, TEXT_HERE, TEXT_BAD };

struct text {
	enum text_state state;
	int fd;                      /* of a file, or -1 */
	struct window_range few[4];
	struct window_range *ranges; /* few, or allocated */
	int count;
	int at;                      /* range and octet in it, from where to send */
	uint32_t offset;
	uint64_t sent;               /* octets of this transaction's copy */
};

/* What belongs to a recipient besides the two machines' own. */
struct job_place {
	uint32_t index;
	uint8_t target; /* which host spoke for it last */
	bool answered;  /* by that host, not only by the end of a session */
	bool dsn_passed, by_passed;
};

/* By which egress a job is to leave. */
struct job_egress {
	char name[80];  /* empty: its route has none */
	uint64_t hash;  /* egress_hash */
	uint64_t key;   /* what a connection must have been opened by; 0: none */
	bool counted;   /* it has one of this period's messages */
	uint32_t period;
};

/* One relay job, from `relay` to `done`. The record follows the struct. */
struct job {
	struct deliver *d;
	struct destination *dest;
	struct link waiting;   /* in dest->waiting until it is on a connection */
	struct connection *on; /* NULL: waits */
	uint64_t number, id;
	int64_t arrived_ms;
	size_t memory;
	struct str key, route;
	struct job_target to;
	struct smtp_client_mail mail;
	struct smtp_attempt attempt;
	struct smtp_attempt_rcpt *states;
	struct job_place *places;
	struct text text;
	/* How much is sent to whom. */
	struct str site;        /* block `pacing`; empty: none */
	uint32_t messages;      /* over one connection; 0: no limit */
	bool settled;           /* the site is not looked for */
	bool last;              /* others wait for its connection */
	bool turned;            /* it goes over the line of its key, or not now */
	bool hurry;             /* others wait for hosts that do not answer */
	bool looks;             /* the same, and it only looks whether the host is there */
	bool cut;               /* an address, or the DNS, had less time than it should have */
	bool looked;            /* so the host was not found: nothing was tried */
	int64_t looks_ms;       /* when it began to look */
	int64_t begun_ms;       /* when its last transaction began */
	bool moved;             /* its hosts belong to another site: */
	struct str found;
	struct job_egress egress;
	bool attempted;   /* attempt is in use */
	bool begun;       /* a transaction was */
	bool reached;     /* a host was brought to a transaction */
	bool host_failed;
	/* For recipients without an outcome of the attempt. */
	enum job_outcome rest;
	char rest_dsn[16];
	char rest_text[DELIVER_SENTENCE_MAX];
	uint8_t tls_wish; /* enum mail_tls_wish */
	int64_t by_ms;    /* of mail.by */
};

/* All that have one KEY share connections. */
struct destination {
	struct deliver *d;
	uint64_t hash;
	struct link due;     /* in d->due: look after it at the end of the turn */
	struct link starved; /* in d->starved: waits for a connection of another one to end */
	struct link waiting; /* struct job, in order */
	struct link idle;    /* struct connection; the last was used last */
	size_t connections;
	uint32_t connections_max; /* 0: as the configuration says */
	size_t key_len;
	char key[];
};

enum connection_state {
	CONNECTION_RESOLVING, /* no socket; a question to dns or http is open */
	CONNECTION_OPENING,
	CONNECTION_SECURING,  /* the handshake of TLS, or it waits for its turn */
	CONNECTION_OPEN,      /* the machine speaks */
	CONNECTION_IDLE,      /* the machine is READY, no job is here */
};

/* The login of one socket: its own copy, as the route's may change under way. */
struct login {
	struct smtp_client_login settings;
	struct proof proof;
	char user[SMTP_CLIENT_USER_MAX + 1];
	char route[128];
	char secret[SMTP_CLIENT_SECRET_MAX];
	char oauth[128];   /* whose token `secret` is; empty: it is a password */
	uint64_t digest;   /* of the token */
};

/* A place for one socket at a time, with a job or idle. The job keeps it through all hosts
 * that it tries; it ends with the job unless the socket can serve the next. */
struct connection {
	struct deliver *d;
	struct destination *dest;
	struct job *job; /* NULL: idle, or on its way to it */
	struct link idle, idle_all;
	struct link all;
	struct link unshaken; /* in d->unshaken: waits for its turn to shake hands */
	struct tls *tls;      /* NULL: in the clear */
	/* The domain's MTA-STS policy, and the question for it (0: none is open). */
	struct buf sts_text; /* what the strings of `sts` point into; empty: it has none */
	uint64_t sts_query;
	struct loop_io *io;
	struct loop_timer *timer;
	struct smtp_client smtp;
	struct smtp_client_settings cfg;
	char helo[DELIVER_NAME_MAX], self[DELIVER_NAME_MAX];
	struct buf out;
	int fd; /* -1: none */
	enum connection_state state;
	bool machine;    /* smtp is in use */
	bool shaking;    /* one of d->handshakes */
	bool may_clear;  /* if TLS fails, this host may do without */
	bool lacking;    /* its certificate is not what the job demands */
	bool told;       /* the attempt's event is out */
	bool tls_told;   /* how its encryption went */
	bool sending;    /* the job's transaction was begun on this socket */
	bool wants_text; /* the machine asks for text that is not here */
	bool more_text;  /* or for more than `out` should hold now */
	bool moved;      /* octets were taken by the peer's socket */
	int broken;      /* errno of sending; what the peer still said is being read */
	size_t turn_sent;
	uint32_t target; /* of targets: where the socket leads to */
	uint32_t replies_seen;
	enum smtp_step step_seen;
	int64_t opened_ms;
	uint32_t messages, messages_max; /* so far, and at most (0: no limit) */
	bool last; /* not to be kept without a message */
	bool turned; /* the socket is, or was, a line */
	uint32_t target_count, host_count;
	struct buf dane;
	uint64_t policy; /* under which the socket was opened: encrypt_policy */
	uint64_t egress; /* by which: job_egress.key */
	struct ip from;  /* and its own address; none: the system chooses */
	/* The question to dns, and why there is no host so far. */
	uint64_t query;
	unsigned hop;
	int64_t asked_ms;
	bool never; /* dns knows for sure, or each host of the list is we ourselves */
	unsigned loops;  /* hosts of the list that are */
	bool met_self;   /* the last host was */
	bool unasked;    /* no egress of ours can connect to the target: nothing is known of it */
	char dsn[16];
	char why[DELIVER_SENTENCE_MAX];
	/* From here on nothing is cleared when it begins: most of it is never used.
	 * Where the job goes: targets in the order of use, the number of each one's host. */
	uint32_t hosts[SMTP_ATTEMPT_TARGETS_MAX];
	uint32_t same[SMTP_ATTEMPT_TARGETS_MAX]; /* the first one with its address */
	struct target targets[SMTP_ATTEMPT_TARGETS_MAX];
	struct mtasts_policy sts;
	struct login login; /* where cfg.login is set */
};

/* What master has read for a route. */
struct route_tls {
	char name[128]; /* conf_route_files_name */
	struct tls_client *client;
	uint64_t digest; /* of what it was made of */
	char secret[SMTP_CLIENT_SECRET_MAX];
	size_t secret_len; /* 0: none */
	struct proof_salted salted;
	bool login_told;
	int64_t login_told_ms; /* when a failed login was told */
};

/* An own address that the machine does not have. */
struct missing_address {
	struct ip ip;
	int64_t until_ms;
};

/* What http has given, or why there is none. */
struct token {
	char name[128];
	char text[SMTP_CLIENT_SECRET_MAX];
	size_t len;       /* 0: none */
	int64_t until_ms; /* Unix time */
	char why[256];
};

/* A host that did not get over TLS; a next hop of a route of which it was told that it is we. */
struct clear_host {
	uint64_t key;
	int64_t until_ms;
};

struct deliver {
	struct frame *frame;
	struct channel *spool, *dns, *http; /* NULL: away */
	struct window *window;       /* spool's; NULL: none */
	struct map jobs;             /* number -> struct job */
	struct map questions;        /* query -> struct connection */
	struct map policies;         /* the same of questions for policies, to http */
	struct map destinations;     /* hash of key -> struct destination */
	struct link connections;     /* all of them */
	struct link idle;            /* of all destinations, in the order of last use */
	struct link due, starved;
	struct link lines; /* struct line: those that have no connection yet */
	size_t line_count;
	struct link visits; /* struct visit */
	size_t visit_count;
	struct link unshaken; /* struct connection, in order */
	size_t handshakes;
	struct route_tls routes[DELIVER_FILES_MAX];
	size_t route_count;
	struct tls_client *plain[TLS_LEGACY + 1]; /* by profile, for routes without files */
	struct token tokens[DELIVER_TOKENS_MAX];
	size_t token_count;
	int64_t tokens_since_ms; /* from when on they are waited for */
	struct loop_timer *token_timer;
	struct clear_host clear[DELIVER_CLEAR_MAX];
	size_t clear_at;
	struct health health; /* of hosts in lists */
	struct missing_address missing[DELIVER_MISSING_MAX];
	size_t missing_at;
	struct ip own[OWN_ADDRESSES_MAX]; /* of the machine, when the process started */
	size_t own_count;
	struct clear_host own_told[DELIVER_OWN_MAX];
	size_t own_told_at;
	struct tally *tally;
	struct loop_turn turn;
	struct loop_timer *drain_timer;
	size_t connection_count, job_memory;
	uint64_t next_query, seed;
	bool draining, left;
	struct smtp_client_timeouts timeouts;
	struct window_range ranges[JOB_RANGES_MAX];
	struct buf results;
	size_t folder_count; /* of sockets that may be connected to */
	struct buf folders[DELIVER_FOLDERS_MAX];
	char read_buffer[DELIVER_READ], text_buffer[DELIVER_READ];
};

/* role.c: says goodbye, once, when it is to and nothing is in hand */
void deliver_leave_if_idle(struct deliver *d);

/* job.c: a job's life */
/* Takes it, or answers it at once. */
void job_take(struct deliver *d, const struct msg_relay *m);
/* It is on its connection, whose targets are known. */
void job_attempt(struct job *job);
/* The next transaction, on a machine that is READY. */
void job_send(struct job *job);
/* The transaction is over: its outcomes. True if all recipients have their last one. */
bool job_heard(struct job *job);
/* What becomes of those without an outcome. */
void job_rest(struct job *job, enum job_outcome outcome, struct str dsn, struct str text);
/* Answers it and lets go of it, its connection included. */
void job_end(struct job *job);
/* Forgets it: nobody waits for the answer. */
void job_free(struct job *job);

/* body.c: the text of a job */
void body_ask(struct job *job);
/* What spool answered; takes over `fd`. Nothing else is done: see connection_text. */
void body_take(struct job *job, const struct msg_body *m, int fd);
void body_rewind(struct text *t);
/* The next piece, until another one is asked for; empty: cannot be read. */
struct str body_piece(struct job *job);
void body_used(struct text *t, size_t octets);
void body_free(struct text *t);

/* rotation.c: which of several hosts comes first */
uint64_t rotation_key(const struct deliver *d, const struct job_hop *hop);
/* For console: what this process knows of a host of a list. */
void rotation_tell(struct deliver *d, struct channel *ch, const struct msg_ask_hop *m);
/* Those that did not answer lately go to the end of the job's list. */
void rotation_order(struct job *job);
/* Whether the open connection leads where this job wants to go. */
bool rotation_fits(const struct connection *c, const struct job *job);
/* The NAME of mx:NAME where the socket leads to one of its hosts, or "". */
struct str rotation_domain(const struct connection *c);
/* The host was reached, or not; `why` says why not. */
void rotation_heard(const struct job *job, const struct job_hop *hop, bool good, struct str why);
/* The connection is ready for mail; it did not come to that, and its target is left. */
void rotation_reached(const struct connection *c);
void rotation_left(const struct connection *c, const struct smtp_attempt_end *end);

/* loop.c: mail that would come back */
/* Whether the current hop of the list is a listener of this server: then c->dsn and c->why say
 * so, and it is told. */
bool loop_is_own(struct connection *c, struct ip ip, uint16_t port);
/* dns has found that of the hop, or of the job's domain. */
void loop_found(struct connection *c, struct str why);
/* Our name, where the connection's target may not have it; else empty. */
struct str loop_name(const struct connection *c);
/* It gave it. */
void loop_met(struct connection *c, const struct smtp_outcome *cause);

/* host.c: where a job goes */
/* Finds the targets of the connection's job; ends in connection_found, now or later. */
void host_find(struct connection *c);
void host_resolved(struct deliver *d, const struct msg_resolved *m);
/* Too late: goes on with what is known. */
void host_late(struct connection *c);
/* Whether the hosts belong to the site that the job is for, or any will do; if not, the job
 * knows to which. */
bool host_site_fits(struct connection *c);
void host_forget(struct connection *c); /* its question */
void host_ask_again(struct deliver *d); /* dns is back */
/* "name[192.0.2.1]:25", or a path. */
enum { HOST_LABEL_MAX = DELIVER_NAME_MAX + 64 };
struct str host_label(const struct target *t, char memory[HOST_LABEL_MAX]);

/* sts.c: what a domain's MTA-STS policy says */
/* Asks for it, if it counts for the connection's job; ends in connection_found, now or later.
 * The targets are known. */
void sts_find(struct connection *c);
void sts_take(struct deliver *d, const struct msg_sts *m);
void sts_late(struct connection *c); /* there is no answer */
void sts_stop(struct connection *c);
void sts_ask_again(struct deliver *d); /* http is back */
/* Of the connection's domain. */
enum secure_sts sts_of(const struct connection *c);

/* folder.c: sockets that may be connected to */
void folder_open_all(struct deliver *d);
/* Whether the path lies where the process may look since it started. */
bool folder_allows(const struct deliver *d, struct str path);
void folder_check_all(struct deliver *d); /* of a new configuration: tells what does not */

/* connection.c */
/* A fresh one for a job; false: no memory, nothing has happened. */
bool connection_new(struct destination *dest, struct job *job);
/* The targets are known (or there are none). */
void connection_found(struct connection *c);
/* An idle one gets the next job. */
void connection_reuse(struct connection *c, struct job *job);
/* The job's text has come. */
void connection_text(struct connection *c);
/* An idle one says QUIT and goes. */
void connection_quit(struct connection *c);
/* Closes it without another word; its job is not told. */
void connection_free(struct connection *c);
/* Its transaction, if one is open, ends here; the job with it. */
void connection_abort(struct connection *c, struct str why);

/* turned.c: connections that hosts have turned */
void turned_take(struct deliver *d, const struct msg_line *m, int fd);
bool turned_is_there(const struct deliver *d, struct str key); /* and has no connection yet */
/* Its socket, for the connection's job, once; -1: there is none (any more). */
int turned_connect(struct connection *c);
void turned_end(struct deliver *d, struct str key); /* no more mail comes for it */
void turned_tell_gone(struct deliver *d, struct str key);
void turned_drop_all(struct deliver *d);

/* visit.c: connections of ours that a host turns, to send its mail (ATRN) */
/* The connection goes on without us; `in` is what the host has said since. Frees `c`. */
void visit_begin(struct connection *c, struct str in);
void visit_drop_all(struct deliver *d);

/* encrypt.c: encryption */
/* Before the process gives up its rights. False: the library is unusable. */
bool encrypt_open(void);
void encrypt_files(struct deliver *d, const struct msg_route_files *m, int fd);
void encrypt_reload(struct deliver *d);
void encrypt_close(struct deliver *d);
/* What an open socket must have been opened under to serve the job. */
uint64_t encrypt_policy(const struct deliver *d, const struct job *job);
/* The word that says how the job's hosts are spoken to: of a `tls-policy` for its domain, where the
 * DNS names them, else the route's. */
enum conf_route_tls encrypt_word(const struct job *job, const struct conf_route *route);
/* The sender demands proof of who gets the message (REQUIRETLS), or does without (TLS-Required:
 * no). Another server of this site, by LMTP, is not asked. */
bool encrypt_is_demanded(const struct job *job);
bool encrypt_is_optional(const struct job *job);

/* What has come of the files of that name (conf_route_files_name); NULL: nothing. */
struct route_tls *encrypt_files_of(struct deliver *d, struct str name);

/* egress.c: by which own address mail leaves */
/* Sets job->egress to one that can connect to the target (NULL: not known yet), and counts the
 * job where that is warmed up. False: there is none now, and job_rest says why. */
bool egress_choose(struct job *job, const struct target *t);
/* Nothing was sent by it: it is not counted. */
void egress_give_back(struct job *job);
/* The block of the job's egress; NULL: it has none. */
const struct conf_egress *egress_of(const struct job *job);
/* "NAME[ADDRESS]" of the connection's socket; empty: the system chose. */
enum { EGRESS_LABEL_MAX = 144 };
struct str egress_label(const struct connection *c, char memory[EGRESS_LABEL_MAX]);

/* token.c: tokens of routes */
enum token_state {
	TOKEN_GOOD,
	TOKEN_AWAITED, /* it will be known soon */
	TOKEN_NONE,    /* see `why` */
};
enum token_state token_of(struct deliver *d, struct str name, struct str *token, struct str *why);
void token_take(struct deliver *d, const struct msg_token *m);
void token_reload(struct deliver *d);
/* Whether the job has to wait for its route's token; then it is looked after again. */
bool token_is_awaited(struct deliver *d, const struct job *job);
void token_close(struct deliver *d);

/* pool.c: who gets which connection */
struct destination *destination_get(struct deliver *d, struct str key);
void pool_add(struct job *job);
/* The next job for a connection that is READY and leads where the job wants to go; NULL: it is
 * idle now. */
struct job *pool_next(struct connection *c);
/* Jobs wait that it cannot serve, as its encryption is not what they want. */
bool pool_is_outdated(const struct connection *c);
/* Looks after it at the end of the turn. */
void pool_due(struct destination *dest);
/* A connection has come. */
void pool_come(struct destination *dest);
/* Whether there are more than there may be. */
bool pool_is_over(const struct destination *dest);
/* A connection has gone. */
void pool_gone(struct destination *dest);
void pool_turn(void *arg);

/* tell.c: events, and what spool is told between the answers */
/* How many connections of the destination there are. */
void tell_pooled(const struct destination *dest);
/* How an attempt to reach a host ended; NULL: it is ready for mail. */
void tell_attempt(struct connection *c, const struct smtp_outcome *o);
/* What the host that the attempt has left said of recipients, one by one; those that keep
 * that as their outcome (`stopped`) are told of by spool. */
void tell_answers(struct connection *c, bool stopped);
/* A host of a list is passed over from now on; it answers again. */
void tell_hop_down(const struct job *job, const struct job_hop *hop, const struct health_host *health,
		   struct str why);
void tell_hop_up(const struct job *job, const struct job_hop *hop);
void tell_login(struct connection *c, const struct smtp_outcome *o);
void tell_error(struct deliver *d, struct str error, struct str path);
void tell_files_error(struct deliver *d, struct str route, struct str error);
/* A next hop is this server; `listener`: which one, or NULL. */
void tell_own(const struct job *job, struct str host, const struct conf_listener *listener, struct str why);
void tell_egress_out(struct deliver *d, struct str egress, struct ip ip, struct str error);
void tell_notice(struct deliver *d, struct str reason, struct str path);

#endif
