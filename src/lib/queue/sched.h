/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is: destinations, how much is under way to each, who waits, and who is
 * left alone for a while because nobody answers there. Pure: time is an argument.
 *
 * Fair between destinations: each has its own short line, and lines are served in turn.
 * Fair between senders: in a line their turns follow each other (line.h), and who has
 * nothing in a line that is full is let in, by a few.
 * A destination that is not proved (no success since it was made, or since a failure) has
 * few places, and gets one more with each success. After SCHED_FAILURES_MAX attempts in a
 * row that did not find its host it is *blocked*: nothing is tried until a time, then one
 * attempt, which opens it again or blocks it for longer.
 *
 * Those that are not proved never have more than half of all places and of the room in
 * memory, so that any number of dead hosts leaves the others theirs. When they have a
 * 16th of the places already (and one at least), each gets one, and one of which nothing is
 * known is only *looked* at: who does not answer almost at once is left alone for a little
 * while, and that is no failure. The others are to hurry, and are blocked when that does
 * not find their host. So those that live are found soon, however many do not; what the
 * others are is found out behind them.
 *
 * Mail that finds its line full or its destination suspended is *skipped*: it stays on
 * the disk, and its place in the due-list is remembered, so that its line is filled from
 * there and nobody has to look through the mail of others again. Of what there is no room
 * to remember (and of messages for several destinations) only the first place is: then
 * the line is filled by looking through the list from there on.
 *
 * Each destination has a pace (pace.h), or shares that of its *site* with others: then no
 * more is under way to all of them than the site may have connections, open ones that
 * have nothing to do included. Who finds no room there waits for it in turn. */
#ifndef IMS_QUEUE_SCHED_H
#define IMS_QUEUE_SCHED_H

#include "lib/base/map.h"
#include "lib/queue/line.h"
#include "lib/queue/pace.h"

enum {
	SCHED_DESTS_MAX = 20000,
	SCHED_DESTS_LOCAL = 256, /* of them, which only local ones take */
	SCHED_SWEEP_MAX = 4096,  /* forgotten at once */
	SCHED_NEW_RUN = 3,       /* unknown ones that are tried before a doubted one has a turn */
	SCHED_KEY_MAX = 320,       /* octets of a key */
	SCHED_ROUTE_MAX = 128,     /* of a route's name; a longer one is cut */
	SCHED_TEXT_MAX = 256,      /* of what is remembered of the last failure */
	SCHED_FAILURES_MAX = 3,    /* in a row, then it is blocked */
	SCHED_WINDOW_FIRST = 5,    /* places of one that is not proved */
	SCHED_BLOCK_FIRST_MS = 60 * 1000,
	SCHED_BLOCK_MAX_MS = 30 * 60 * 1000,
	SCHED_SITES_MAX = 1024,
	SCHED_SITE_KEPT_MS = 10 * 60 * 1000, /* which one it is, of a destination without mail */
	SCHED_GUESTS_MAX = 32,   /* let into a full line, or that of a site */
	SCHED_UNPROVED_MAX = 2560, /* in hand for destinations that are not proved */
	SCHED_LOOK_AGAIN_MS = 5 * 1000,  /* after a look that found nobody */
	SCHED_PLACES_MAX = 128 * 1024, /* that are remembered: about 12 MiB */
	SCHED_FILL_LOOK_MAX = 256, /* destinations in one look for a line to be filled */
	SCHED_TURN_MAX = 10, /* messages in a row over a connection that others wait for */
};

/* A place in the due-list. {0, 0}: none. */
struct sched_place {
	int64_t due_ms;
	uint64_t id;
	bool urgent; /* comes before what was passed over earlier */
};

/* Destinations with common limits. */
struct sched_site {
	struct str name;
	struct pace pace;
	uint32_t used;    /* connections that are open, or for which a message is under way */
	uint32_t waiting; /* in the lines of its destinations */
	uint32_t dests;
	struct link waiters; /* destinations for which it has no room now */
};

struct sched_dest {
	/* To be read. */
	struct str key;  /* identity, as route_key writes it */
	struct str route; /* name of the route that leads there now, for the log and for commands */
	uint32_t in_flight, waiting;
	uint32_t failures;       /* in a row */
	int64_t blocked_until_ms; /* 0: not blocked; without failures: was only looked at */
	bool suspended;
	char why[SCHED_TEXT_MAX]; /* what the last failure said */
	size_t why_len;
	int64_t told_until_ms; /* the caller's: of which block it has told */
	bool over_told;        /* the same: that a dearer route stands in for it */
	bool remembers;        /* the same: each failure counts for a while, however little mail there is */
	struct sched_site *site; /* whose pace it has; NULL: its own */
	struct pace pace;
	uint32_t pooled;    /* connections that are open, as the caller says */
	int64_t moved_ms;   /* when it came to its site, or left it */
	uint64_t tag;       /* the caller's */
	unsigned moves;     /* the same: how often, lately */
	bool settled;       /* the same: its site is not to be asked for */
	unsigned worker;    /* the same: who has its connections */
	/* Its own. */
	char route_name[SCHED_ROUTE_MAX];
	int64_t failed_ms; /* the last time */
	uint32_t limit, window; /* most, and at present, at one time */
	bool local;             /* not counted in the total */
	struct line line;
	bool proved;
	bool looked;            /* nobody was found, the first time */
	struct link ring;       /* in the ring of those with work, at its site, or not */
	uint32_t expected;      /* new connections that are counted and not yet open */
	bool connects;          /* the last one that was taken was counted as a new connection */
	uint32_t turn;          /* messages in a row while others waited for its site */
	struct link skips;      /* among those that were skipped, or not */
	struct link urgent_places, places; /* that are remembered, each a struct sched_known */
	struct sched_place from; /* the first of those that are not */
};

/* Destinations with work, by what is known of them. */
enum sched_ring {
	SCHED_LOCAL, SCHED_PROVED, SCHED_NEW, SCHED_DOUBTED,
	SCHED_SITED, /* of those that belong to a site, whatever is known */
	SCHED_RINGS
};

struct sched {
	struct map dests; /* hash of the key -> struct sched_dest */
	struct link rings[SCHED_RINGS]; /* destinations that may have something to start */
	unsigned turn; /* of the rings: whose it is */
	struct link skips; /* destinations with mail that was skipped */
	struct map places; /* message id -> struct sched_known */
	struct map sites; /* hash of the name -> struct sched_site */
	uint32_t in_flight, limit; /* of those that are not local */
	uint32_t new_run; /* unknown ones that were tried since a doubted one was */
	uint32_t trying, trying_waiting; /* under way and in lines, not proved */
	uint64_t seed;
	bool refill; /* some destination may want to be filled */
};

/* `limit`: most under way in all (local ones are not counted). */
void sched_init(struct sched *s, uint32_t limit, uint64_t seed);
void sched_free(struct sched *s);

/* The destination with that key, made if it is new with `limit` places. Another route may lead there
 * after a reload: it has that one's name from then on. NULL: too many, no
 * memory. `local`: it is this machine, and needs no proof. */
struct sched_dest *sched_dest(struct sched *s, struct str key, struct str route,
			      uint32_t limit, bool local);
/* That route leads there now. */
void sched_rename(struct sched_dest *d, struct str route);
/* The site of that name, made if it is new, without limits. NULL: too many, no memory. */
struct sched_site *sched_site(struct sched *s, struct str name);
struct sched_site *sched_site_next(const struct sched *s, size_t *at);
/* Nobody belongs to it any more, and it is forgotten. */
void sched_site_end(struct sched *s, struct sched_site *site);
/* From now on it has the pace of that site; NULL: its own. */
void sched_move(struct sched *s, struct sched_dest *d, struct sched_site *site, int64_t now_ms);
/* So many connections are open for it now. */
void sched_pooled(struct sched *s, struct sched_dest *d, uint32_t connections, int64_t now_ms);
/* Others of its site wait for its connections: after the one that was taken last it is
 * their turn. */
bool sched_is_last(const struct sched_dest *d);
/* Only if it is there. */
struct sched_dest *sched_find(const struct sched *s, struct str key);

/* The pace that it has. */
static inline struct pace *sched_pace(struct sched_dest *d)
{
	return d->site ? &d->site->pace : &d->pace;
}

enum sched_verdict {
	SCHED_LINE,    /* there is room in its line */
	SCHED_SKIP,    /* its line is full, or nothing is begun there now */
	SCHED_BLOCKED, /* its host does not answer: put it off until blocked_until_ms */
};
enum sched_verdict sched_ask(const struct sched *s, const struct sched_dest *d, int64_t now_ms);
/* Whether its hosts count as dead: it is blocked, or the one attempt that is to show how things are is
 * under way already. */
bool sched_is_down(const struct sched_dest *d, int64_t now_ms);
/* The same, for mail of that owner, who may be let in where others are not. */
enum sched_verdict sched_ask_for(const struct sched *s, const struct sched_dest *d, uint64_t owner,
				 int64_t now_ms);
/* `only`: the message waits for nobody else. */
void sched_skip(struct sched *s, struct sched_dest *d, struct sched_place place, bool only);
/* That place is remembered: it need not be looked at. */
bool sched_knows(const struct sched *s, struct sched_place place);
static inline bool sched_remembers(const struct sched_dest *d)
{
	return !list_empty(&d->urgent_places) || !list_empty(&d->places);
}
/* There is some for it that was skipped. */
static inline bool sched_has_skipped(const struct sched_dest *d)
{
	return d->from.id != 0 || sched_remembers(d);
}
/* The first place of the destination that is remembered, and is no longer; false: none. */
bool sched_recall(struct sched *s, struct sched_dest *d, struct sched_place *place);
/* Forgets what is remembered of single messages: the whole due-list will be looked through,
 * because mail may belong elsewhere now. */
void sched_forget(struct sched *s);

void sched_wait(struct sched *s, struct sched_dest *d, struct line_item *item);
/* Takes a waiting item out of its line, because its message is gone. */
void sched_leave(struct sched *s, struct sched_dest *d, struct line_item *item);
/* Takes any out of the line; NULL: it is empty. */
struct line_item *sched_drop(struct sched *s, struct sched_dest *d);
/* The next that may start, or NULL; it counts as under way from then on. */
struct line_item *sched_take(struct sched *s, int64_t now_ms, struct sched_dest **dest);
/* Could not be started after all: to the front of its line. */
void sched_untake(struct sched *s, struct sched_dest *d, struct line_item *item);
/* How long what was taken last for it may look for its host: too many do not answer. */
enum sched_haste {
	SCHED_CALM,
	SCHED_HURRY,
	SCHED_LOOK, /* and ends with SCHED_LOOKED if nobody answers */
};
enum sched_haste sched_haste(const struct sched *s, const struct sched_dest *d);

enum sched_end {
	SCHED_SUCCESS, /* the host took or answered for at least one recipient */
	SCHED_FAILURE, /* the host was out of reach */
	SCHED_NEITHER, /* the attempt says nothing about the host */
	SCHED_LOOKED,  /* a look found nobody: nothing was tried */
};
/* Whether its hosts count as dead if one that is under way ends as a failure. */
bool sched_will_block(const struct sched *s, const struct sched_dest *d);
/* One that was under way has ended. `d` may be gone afterwards. */
void sched_done(struct sched *s, struct sched_dest *d, enum sched_end end, struct str why,
		int64_t now_ms);

/* A destination whose line may be filled, or, with `blocked`, whose mail is to be put off;
 * NULL: none. Either it has places that are remembered, and *place is {0, 0}; or from
 * *place on, which it then forgets. */
struct sched_dest *sched_refill(struct sched *s, int64_t now_ms, bool blocked,
				struct sched_place *place);

void sched_suspend(struct sched *s, struct sched_dest *d, bool suspended);
/* As if it had never failed: an administrator says so. */
void sched_unblock(struct sched *s, struct sched_dest *d);
/* Forgets destinations that have nothing to remember. For a timer. */
void sched_sweep(struct sched *s, int64_t now_ms);

#endif
