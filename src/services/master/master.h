/* SPDX-License-Identifier: Apache-2.0 */
/* The process that keeps the family: it reads the configuration, opens the listening
 * sockets, starts the roles, gives them channels to each other, starts again what dies,
 * and ends them in order. It parses nothing that comes from outside.
 *
 *   imsd.c       which process are we
 *   options.c    the command line          folders.c   folders and the pid file
 *   master.c     life: start and stop      notify.c    the service manager
 *   reload.c     configuration             admin.c     questions of console
 *   children.c   processes and channels    crash.c     what a death means
 *   listeners.c  listening sockets      certificates.c  certificates and keys
 *   links.c      channels that broke
 *   secrets.c    secrets of directories; one of them: secret_file.c
 *   route_files.c  the same of routes    pem_file.c      their files
 *   programs.c   programs of dials
 */
#ifndef IMS_SERVICES_MASTER_MASTER_H
#define IMS_SERVICES_MASTER_MASTER_H

#include "lib/ipc/scoreboard.h"
#include "services/frame.h"
#include "services/master/backoff.h"
#include "services/master/crash_history.h"
#include "services/records.h"

enum {
	MASTER_WORKERS_MAX = 16,   /* of one kind */
	MASTER_CHILDREN_MAX = 48,
	MASTER_LISTENERS_MAX = 256,
	MASTER_ADDRESSES_MAX = 16, /* of one listener block */
	MASTER_DEATHS_MAX = 64,    /* that spool has still to be told */
	MASTER_DRAIN_MS = 30 * 1000,
	MASTER_NOW_MS = 3 * 1000,  /* from `leave at once` to SIGKILL */
	MASTER_KILL_MS = 2 * 1000, /* from a closed channel to SIGKILL */
};

struct options {
	const char *config;
	bool check; /* only the configuration */
};

enum child_state {
	CHILD_DOWN,  /* never started, or waits to be started again */
	CHILD_SETUP, /* started, has not said ready */
	CHILD_READY,
};

struct child {
	struct master *master;
	enum role role;
	unsigned index, slot; /* slot: of the scoreboard, and position in children[] */
	enum child_state state;
	pid_t pid;                   /* 0: none */
	struct channel *ch;          /* NULL: none, or dead before the process is */
	bool asked_to_leave, forced; /* forced: to leave at once */
	bool served;                 /* has said ready in one life at least */
	unsigned restarts;
	struct backoff backoff;
	int64_t started_ms; /* of this life, monotonic */
	uint64_t generation;
	struct loop_timer *timer; /* DOWN: to start again; else: to kill */
	char title[FRAME_TITLE_MAX];
};

struct listener_address {
	struct conf_address address;
	int fd; /* -1: could not be opened */
};

struct listener {
	char name[128];
	size_t count;
	struct listener_address addresses[MASTER_ADDRESSES_MAX];
	bool sent; /* the receive workers have it as it is here */
};

struct certificates; /* of one listener block */
struct route_files;  /* of one route, or of those that share */
enum { MASTER_ROUTE_FILES_MAX = CONF_ROUTE_FILES_MAX + 1 };

/* The channel between two children, by its latest number. */
struct peer_link {
	uint32_t number; /* 0: never made */
	bool lost;       /* to be made anew */
};

struct listener_set {
	size_t count;
	struct listener list[MASTER_LISTENERS_MAX];
};

enum master_phase { MASTER_STARTING, MASTER_RUNNING, MASTER_STOPPING };

/* Roles that are handed secrets. */
enum secrets_of { SECRETS_OF_DIRECTORY, SECRETS_OF_HTTP, SECRETS_OF_COUNT };

struct master {
	struct options options;
	const struct role_ops *const *roles;
	struct loop *loop;
	enum master_phase phase;
	int status; /* with which the service ends */
	const char *stop_reason;
	bool now;       /* stopping without finishing */
	bool stop_told; /* in the log */

	struct conf *conf;
	uint64_t generation;
	int conf_fd; /* memfd of the bundle in use */

	struct event_log log;
	struct records records;

	struct child children[MASTER_CHILDREN_MAX];
	size_t child_count;
	struct peer_link links[MASTER_CHILDREN_MAX][MASTER_CHILDREN_MAX]; /* [lower][higher] slot */
	uint32_t link_last;
	struct scoreboard_slot *slots;
	int slots_fd;
	struct crash_history history;
	struct msg_death deaths[MASTER_DEATHS_MAX];
	size_t death_count;

	struct listener_set *listeners;
	struct certificates *certificates[MASTER_LISTENERS_MAX];
	size_t certificates_count;
	struct route_files *route_files[MASTER_ROUTE_FILES_MAX];
	size_t route_files_count;
	int64_t exceptions_day; /* when those that are over were told, in days since 1970 */
	struct loop_timer *stop_timer, *listen_timer, *certificate_timer, *link_timer;
	int secrets_fd[SECRETS_OF_COUNT]; /* memfds of the last ones that could be read; -1: none */
	int pid_fd;
};

/* options.c: 0 and `*go`, or the exit status; has said what is wrong or asked for. */
int options_parse(int argc, char **argv, struct options *o, bool *go);

/* master.c */
int master_main(const struct options *o, const struct role_ops *const *roles);
void master_stop(struct master *m, const char *reason, int status);
void master_advance(struct master *m); /* next step of start or stop; after any change */

/* reload.c: the first configuration: 0 or a sysexits code, `text` says what is wrong. */
int config_first(struct master *m, struct buf *text);
/* A new generation for everybody, or the old one stays. The same result. */
int config_reload(struct master *m, struct buf *text);
int config_check(const struct options *o);

/* folders.c: 0 or a sysexits code, having said why on stderr. */
int folders_make(const struct conf *conf);
int pid_file_make(struct master *m);
void pid_file_remove(struct master *m);

/* children.c */
bool children_plan(struct master *m); /* which ones; starts none. False: no memory */
void child_start(struct child *c);
void child_send_conf(struct child *c);
void child_ask_to_leave(struct child *c, bool now);
void child_kill(struct child *c);
void children_reap(void *arg); /* SIGCHLD */
void child_connect(struct child *a, struct child *b); /* gives both a new channel */
struct child *child_find(struct master *m, enum role role, unsigned index);

/* links.c: a channel that breaks while both its processes live is made anew after a while;
 * one of a process that died comes with its successor. */
uint32_t links_new(struct master *m, const struct child *a, const struct child *b);
void links_lost(struct master *m, uint32_t number);
void links_timer(void *arg);

/* crash.c */
void crash_note(struct child *c, int status);
void crash_tell_spool(struct master *m, struct child *spool);
void crash_tell_receive(struct master *m, struct child *receive); /* who is shunned */

/* listeners.c */
/* Sets of listening sockets: makes one for `conf`, taking over sockets of `old` where the
 * address is the same; what is left in `old` is then to be closed. Returns how many could
 * not be opened; each is told through `told` with -errno (opened ones with 0). */
typedef void listener_told_fn(void *arg, struct str name, const struct conf_address *a,
			      int error);
size_t listeners_open(struct listener_set *set, struct listener_set *old,
		      const struct conf *conf, listener_told_fn *told, void *arg);
void listeners_close(struct listener_set *set);
size_t listeners_first(struct master *m); /* how many could not be opened */
void listeners_reload(struct master *m);
void listeners_retry(void *arg); /* what could not be opened */
void listeners_send(struct master *m, struct channel *receive);

/* certificates.c */
void certificates_load(struct master *m); /* those of a new configuration */
void certificates_send(struct master *m, struct channel *receive);
/* A row of each to console. */
void certificates_tell(struct master *m, struct channel *console, uint64_t query);
void certificates_timer(void *arg); /* looks if files have changed, or end soon */
void certificates_free(struct master *m);
/* Whether all can be used; `text` says which cannot. */
bool certificates_check(const struct conf *conf, struct buf *text);

/* secret_file.c */
enum { SECRET_MAX = 4096 /* octets */, SECRET_PATH_MAX = 1200 };
/* Appends the text of one; false: `path` says which file and `why` what is wrong. */
bool secret_put(const struct conf *conf, struct str name, struct buf *record,
		char path[SECRET_PATH_MAX], const char **why);

/* secrets.c */
void secrets_load(struct master *m); /* those of a new configuration */
void secrets_send(struct master *m, enum role role, struct channel *ch); /* its own, if it has some */
/* Whether all can be read; `text` says which cannot. */
bool secrets_check(const struct conf *conf, struct buf *text);

/* route_files.c: the same for routes that need files, and the deliver workers; called from
 * certificates.c */
void route_files_look(struct master *m, bool all);
void route_files_send(struct master *m, struct channel *deliver);
void route_states_send(struct master *m, struct channel *spool); /* of those that have none */
void route_files_free(struct master *m);
void route_files_tell(struct master *m, struct channel *console, uint64_t query);
bool route_files_check(const struct conf *conf, struct buf *text);

/* programs.c: what spool asks for */
void programs_message(struct master *m, const struct msg_program *ask);
/* A process has ended; false: it is none of these. */
bool programs_reap(struct master *m, pid_t pid, int status);
bool programs_run(const struct master *m); /* whether any does */
void programs_free(void); /* kills what runs */

/* exceptions.c: tells once a day which of them have had their last one; `all`: at once. Called
 * from certificates.c */
void exceptions_look(struct master *m, bool all);

/* admin.c */
void admin_message(struct child *console, enum msg_type type, struct str payload);

/* notify.c: tells the service manager, if there is one (sd_notify(3)). */
void notify(const char *state);
void notify_reloading(void);

#endif
