# SPDX-License-Identifier: Apache-2.0
"""Results as Markdown. A ratio is the median of the ratios of the same round, because the
machine changes more between rounds than within one."""
import statistics

GOALS = """\
| goal | wanted | measured |
|---|---|---|
"""


def median(rows, key):
    values = [row[key] for row in rows if row.get(key) is not None]
    return statistics.median(values) if values else None


def shown(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def picked(rows, **wanted):
    return [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]


def ratio(rows, key, mine="ims", other="postfix", **case):
    """Median over rounds of mine/other, or None."""
    found = []
    for row in picked(rows, peer=mine, **case):
        for against in picked(rows, peer=other, round=row["round"], **case):
            if row.get(key) is not None and against.get(key):
                found.append(row[key] / against[key])
    return statistics.median(found) if found else None


def cell(rows):
    if not rows:
        return "–"
    rates = [row["rate"] for row in rows]
    text = f"{shown(median(rows, 'rate'))}/s [{shown(min(rates))}–{shown(max(rates))}]"
    text += f", CPU {shown(median(rows, 'cpu_us'))} µs"
    if median(rows, "p99_ms") is not None:
        text += f", p99 {shown(median(rows, 'p99_ms'), 1)} ms"
    lost = sum(row.get("failed", 0) for row in rows)
    return text + (f", {lost} failed" if lost else "")


def speed_table(rows, workload, title):
    rows = picked(rows, workload=workload)
    if not rows:
        return ""
    text = f"### {title}\n\n| size | sessions | ims | Postfix | rate | CPU |\n|---|---|---|---|---|---|\n"
    for size, sessions in sorted({(row["size"], row["sessions"]) for row in rows}):
        case = {"size": size, "sessions": sessions}
        text += (f"| {size // 1024} KiB | {sessions} | {cell(picked(rows, peer='ims', **case))} | "
                 f"{cell(picked(rows, peer='postfix', **case))} | "
                 f"**{shown(ratio(rows, 'rate', **case), 2)}×** | "
                 f"{shown(ratio(rows, 'cpu_us', **case), 3)}× |\n")
    return text + "\n"


def other_tables(rows):
    text = ""
    calls = picked(rows, workload="syscalls")
    if calls:
        text += "### System calls per accepted message\n\n| sessions | peer | calls |\n|---|---|---|\n"
        for row in sorted(calls, key=lambda r: (r["sessions"], r["peer"])):
            text += f"| {row['sessions']} | {row['peer']} | {shown(row['calls'], 1)} |\n"
        text += "\n"
    idle = picked(rows, workload="idle")
    if idle:
        text += ("### Idle sessions\n\n| peer | asked | open at the end | opened in s | "
                 "KiB a session (PSS) |\n|---|---|---|---|---|\n")
        for row in idle:
            text += (f"| {row['peer']} | {row['sessions']} | {row['alive']} | "
                     f"{shown(row['open_secs'], 1)} | {shown(row['kib'], 1)} |\n")
        text += "\n"
    for row in picked(rows, workload="restart"):
        text += (f"### Restart with {row['kept']:,} messages kept ({row['peer']})\n\n"
                 f"First greeting after {row['ready_s']:.3f} s, first 250 after "
                 f"{row['first_250_s']:.3f} s; `spool` has {row['spool_rss_kib'] / 1024:.1f} MiB "
                 f"resident, {row['spool_anon_kib'] / 1024:.1f} MiB of it its own.\n\n")
    return text


def pipelined(rows):
    rows = picked(rows, workload="pipelined")
    if not rows:
        return ""
    text = ("### Pipelined, 100 messages a connection, 4 KiB\n\n"
            "| sessions | peer | rate | CPU | of the bare sink |\n|---|---|---|---|---|\n")
    for sessions in sorted({row["sessions"] for row in rows}):
        for peer in ("ims", "postfix", "sink"):
            mine = picked(rows, peer=peer, sessions=sessions)
            share = mine and ratio(rows, "rate", peer, "sink", sessions=sessions)
            if mine:
                cpu = median(mine, "cpu_us") if peer != "sink" else None
                text += (f"| {sessions} | {peer} | {shown(median(mine, 'rate'))}/s | "
                         f"{shown(cpu)}{' µs' if cpu else ''} | {shown(share * 100)} % |\n")
    return text + "\n"


def thousand(rows):
    rows = picked(rows, workload="thousand")
    if not rows:
        return ""
    text = ("### One message with 1,000 recipients at one smart host\n\n"
            "| peer | until the sink has all | of that accepted after | CPU a recipient | copies | "
            "connections |\n|---|---|---|---|---|---|\n")
    for peer in ("ims", "postfix"):
        mine = picked(rows, peer=peer)
        if mine:
            text += (f"| {peer} | {shown(median(mine, 'ms'))} ms | "
                     f"{shown(median(mine, 'accept_ms'))} ms | {shown(median(mine, 'cpu_us'))} µs | "
                     f"{shown(median(mine, 'copies'))} | {shown(median(mine, 'connections'))} |\n")
    return text + "\n"


def domains(rows):
    rows = picked(rows, workload="domains")
    if not rows:
        return ""
    text = ("### One message with 1,000 recipients at 1,000 domains, 4 KiB, MX by the DNS\n\n"
            "| peer | until the sink has all | of that accepted after | CPU a recipient | copies | "
            "connections | failed |\n|---|---|---|---|---|---|---|\n")
    for peer in ("ims", "postfix"):
        mine = picked(rows, peer=peer)
        if mine:
            text += (f"| {peer} | {shown(median(mine, 'ms'))} ms | "
                     f"{shown(median(mine, 'accept_ms'))} ms | {shown(median(mine, 'cpu_us'))} µs | "
                     f"{shown(median(mine, 'copies'))} | {shown(median(mine, 'connections'))} | "
                     f"{sum(row['failed'] for row in mine)} |\n")
    return text + "\n"


def crowd(rows):
    text = ""
    for row in picked(rows, workload="crowd"):
        total = row["living"] + row["dead"]
        text += (f"### {total * row['each']:,} messages to {total:,} domains, {row['dead']:,} of them dead (ims)\n\n"
                 "| | until the living have theirs | messages | connections | `spool` at most |\n"
                 "|---|---|---|---|---|\n")
        for key, what in (("alone", "without the dead"), ("mixed", "with the dead")):
            run = row[key]
            text += (f"| {what} | {run['secs']:.1f} s | {run['relayed']:,} | {run['connections']:,} | "
                     f"{run['spool_peak_kib'] / 1024:.0f} MiB |\n")
        text += "\n"
    return text


def mib(rows, key):
    kib = median(rows, key)
    return None if kib is None else kib / 1024


def dead(rows):
    rows = picked(rows, workload="dead")
    if not rows:
        return ""

    def here(key, digits):
        return shown(median(rows, key), digits)
    lost = sum(row["failed"] for row in rows)
    return (f"### {rows[0]['kept']:,} messages for a host that refuses connections (ims)\n\n"
            f"After a restart the first greeting comes after {here('ready_s', 3)} s, the first 250 "
            f"after {here('first_250_s', 3)} s; nothing is left to do for them after "
            f"{here('settled_s', 1)} s. `spool` has {shown(mib(rows, 'spool_rss_kib'), 1)} MiB "
            f"resident ({shown(mib(rows, 'spool_anon_kib'), 1)} MiB its own, at most "
            f"{shown(mib(rows, 'spool_peak_kib'), 1)} MiB on the way); `imsctl queue summary` takes "
            f"{here('summary_s', 3)} s.\n\n"
            "| new mail for a live host, 4 KiB, 100 sessions | rate | of an empty queue |\n"
            "|---|---|---|\n"
            f"| empty queue | {here('empty_rate', 0)}/s | |\n"
            f"| right after the restart, while the dead ones are tried and put off | "
            f"{here('tried_rate', 0)}/s | {shown(percent(rows, 'tried_share'))} % |\n"
            f"| when they are put off | {here('put_off_rate', 0)}/s | "
            f"{shown(percent(rows, 'put_off_share'))} % |\n"
            + (f"\n{lost} failed.\n" if lost else "") + "\n")


def percent(rows, key):
    share = median(rows, key)
    return None if share is None else share * 100


def best_share(rows):
    """The best share of the bare sink over the numbers of sessions, in per cent."""
    rows = picked(rows, workload="pipelined")
    shares = [ratio(rows, "rate", "ims", "sink", sessions=n) for n in {r["sessions"] for r in rows}]
    return max((share * 100 for share in shares if share), default=None)


def goals(rows):
    """What the project asked of this release, beside what was measured."""
    main = {"size": 4096, "sessions": 100}
    accept, box = picked(rows, workload="accept"), picked(rows, workload="maildir")
    relay, down = picked(rows, workload="relay"), picked(rows, workload="dead", peer="ims")
    lines = [("accept, 4 KiB, 100 sessions, against Postfix", "≥ 8×",
              ratio(accept, "rate", **main), 2, "×"),
             ("Maildir, 4 KiB, 100 sessions, against Postfix", "≥ 3×",
              ratio(box, "rate", **main), 2, "×"),
             ("CPU per accepted message, against Postfix", "≤ 0.1×",
              ratio(accept, "cpu_us", **main), 3, "×"),
             ("relay to a sink, 4 KiB, 100 sessions, against Postfix", "≥ 8×",
              ratio(relay, "rate", **main), 2, "×"),
             ("CPU per relayed message, against Postfix", "≤ 0.125×",
              ratio(relay, "cpu_us", **main), 3, "×"),
             ("LMTP to a sink, 4 KiB, 100 sessions, against Postfix", "≥ 5×",
              ratio(picked(rows, workload="lmtp"), "rate", **main), 2, "×"),
             ("one message, 1,000 recipients, one smart host: time against Postfix", "≤ 0.2×",
              ratio(picked(rows, workload="thousand"), "ms"), 3, "×"),
             ("system calls per accepted message, 100 sessions", "≤ 40",
              median(picked(rows, workload="syscalls", peer="ims", sessions=100), "calls"), 1, ""),
             ("pipelined, share of a bare sink, best number of sessions", "≥ 80 %",
              best_share(rows), 0, " %"),
             ("idle session", "≤ 8 KiB",
              median(picked(rows, workload="idle", peer="ims"), "kib"), 1, " KiB"),
             ("idle sessions held", "10,000",
              max((r["alive"] for r in picked(rows, workload="idle", peer="ims")), default=None), 0, ""),
             ("restart with 100,000 messages", "< 1 s",
              median(picked(rows, workload="restart", peer="ims"), "ready_s"), 3, " s"),
             ("`spool` resident then", "< 100 MiB",
              mib(picked(rows, workload="restart", peer="ims"), "spool_rss_kib"), 1, " MiB"),
             ("restart with 100,000 messages for a dead host, first 250", "< 1 s",
              median(down, "first_250_s"), 3, " s"),
             ("`spool` resident then", "< 100 MiB", mib(down, "spool_rss_kib"), 1, " MiB"),
             ("`imsctl queue summary` then", "< 0.2 s", median(down, "summary_s"), 3, " s"),
             ("new mail then, of the rate with an empty queue: dead ones in work", "≥ 90 %",
              percent(down, "tried_share"), 0, " %"),
             ("the same: dead ones put off", "≥ 90 %", percent(down, "put_off_share"), 0, " %"),
             ("one message to 1,000 domains: time against Postfix", "≤ 0.1×",
              ratio(picked(rows, workload="domains"), "ms"), 3, "×"),
             ("CPU per relayed message without TLS, by MX, against Postfix", "≤ 0.2×",
              ratio(picked(rows, workload="domains"), "cpu_us"), 3, "×"),
             ("100,000 messages, 10,000 destinations, 30 % dead: time of the living, of that alone", "≤ 2×",
              median(picked(rows, workload="crowd"), "ratio"), 2, "×"),
             *front_goals(rows)]
    # A run of some workloads has the goals of these.
    lines = [line for line in lines if line[2] is not None] or lines
    return GOALS + "".join(f"| {what} | {wanted} | {shown(value, digits)}{unit if value else ''} |\n"
                           for what, wanted, value, digits, unit in lines) + "\n"


def worst(rows, key):
    values = [row[key] for row in rows if row.get(key) is not None]
    return max(values, default=None)


def stages_us(rows):
    """The slowest stage of policy, whatever the tables."""
    found = [median(picked(rows, tables=tables), key) for tables in ("empty", "full")
             for key in rows[0] if key.endswith("_us")] if rows else []
    return max(found, default=None)


def least(rows, key):
    """Processor time that nobody disturbed."""
    return min((row[key] for row in rows), default=None)


def signed_share(rows, key):
    """How much more processor time a handshake takes that another process signs, in per cent;
    at the number of handshakes together where it costs most."""
    found = []
    for together in {row["together"] for row in picked(rows, key=key)}:
        inside, outside = (least(picked(rows, key=key, together=together, signed=signed), "cpu_us")
                           for signed in ("inside", "outside"))
        found.append(outside / inside * 100 - 100)
    return max(found, default=None)


def tables_share(rows, key):
    found = [dict(row, peer=row["tables"]) for row in rows]
    share = ratio(found, key, "full", "empty")
    return share and share * 100


def front_goals(rows):
    """What was asked of the front door; each stands there only when it was measured."""
    tls, auth = picked(rows, workload="tls"), picked(rows, workload="auth")
    storm, tables = picked(rows, workload="storm"), picked(rows, workload="tables")
    policy, signing = picked(rows, workload="policy"), picked(rows, workload="signing")
    full = picked(tables, tables="full")
    many = max((row["sessions"] for row in tls + auth), default=0)
    lines = []
    for case in ("implicit", "STARTTLS"):
        lines.append((f"TLS 1.3 sessions a second ({case}), {many} at a time, against Postfix", "≥ 1×",
                      ratio(tls, "rate", case=case, sessions=many), 2, "×"))
    lines += [("sessions with AUTH PLAIN a second, in the clear", "≥ 5,000",
               median(picked(auth, peer="ims", case="in the clear", sessions=many), "rate"), 0, ""),
              ("the same, against Postfix with Dovecot", "",
               ratio(auth, "rate", case="in the clear", sessions=many), 2, "×"),
              ("the same over TLS, against Postfix with Dovecot", "",
               ratio(auth, "rate", case="TLS", sessions=many), 2, "×"),
              ("EHLO of others under a storm of wrong passwords, p99", "< 20 ms",
               median(storm, "storm_p99_ms"), 1, " ms"),
              ("a stage of policy, the slowest", "≤ 5 µs", stages_us(policy), 2, " µs"),
              ("`imsd --check` with 100,000 host rules and 100,000 filtered senders", "< 1 s",
               median(full, "check_s"), 2, " s"),
              ("reload with them", "< 1 s", median(full, "reload_s"), 2, " s"),
              ("processor time of a message with them, of that with none", "100 %",
               tables_share(tables, "cpu_us"), 1, " %"),
              ("handshake signed by another process, more processor time, P-256", "< 20 %",
               signed_share(signing, "P-256"), 0, " %"),
              ("the same, RSA-2048", "< 20 %", signed_share(signing, "RSA-2048"), 0, " %")]
    return [line for line in lines if line[2] is not None]


def front_tables(rows):
    text = ""
    for workload, title in (("tls", "TLS 1.3: connect, handshake, EHLO, QUIT"),
                            ("auth", "AUTH PLAIN: connect, EHLO, AUTH with a password that was right "
                                     "before, QUIT")):
        mine = picked(rows, workload=workload)
        if not mine:
            continue
        text += (f"### {title}\n\n| | sessions | ims | Postfix | rate | CPU | CPU of the load "
                 "generator |\n|---|---|---|---|---|---|---|\n")
        for which, sessions in sorted({(row["case"], row["sessions"]) for row in mine}):
            case = {"case": which, "sessions": sessions}
            text += (f"| {which} | {sessions} | {cell(picked(mine, peer='ims', **case))} | "
                     f"{cell(picked(mine, peer='postfix', **case))} | "
                     f"**{shown(ratio(mine, 'rate', **case), 2)}×** | "
                     f"{shown(ratio(mine, 'cpu_us', **case), 3)}× | "
                     f"{shown(median(picked(mine, **case), 'load_cpu_us'))} µs |\n")
        text += "\n"
    return text + storm_table(rows) + alone_tables(rows)


def storm_table(rows):
    storm, tables = picked(rows, workload="storm"), picked(rows, workload="tables")
    text = ""
    if storm:
        text += ("### EHLO of others while wrong passwords are checked (ims)\n\n| | p50 | p99 |\n"
                 "|---|---|---|\n")
        for name, what in (("calm", "before"), ("storm", f"with {shown(median(storm, 'guess_rate'))} "
                                                         "passwords checked a second")):
            text += (f"| {what} | {shown(median(storm, f'{name}_p50_ms'), 2)} ms | "
                     f"{shown(median(storm, f'{name}_p99_ms'), 2)} ms |\n")
        text += "\n"
    if tables:
        text += ("### 100,000 host rules and 100,000 filtered senders (ims)\n\n| tables | `--check` | "
                 "until the greeting | reload | 4 KiB messages, 100 sessions |\n|---|---|---|---|---|\n")
        for which in ("empty", "full"):
            mine = picked(tables, tables=which)
            text += (f"| {which} | {shown(median(mine, 'check_s'), 3)} s | "
                     f"{shown(median(mine, 'ready_s'), 3)} s | {shown(median(mine, 'reload_s'), 3)} s | "
                     f"{cell(mine)} |\n")
        text += "\n"
    return text


def alone_tables(rows):
    policy, signing = picked(rows, workload="policy"), picked(rows, workload="signing")
    text = ""
    if policy:
        names = [key for key in policy[0] if key.endswith("_us")]
        text += ("### Stages of policy, with the finding of their rules\n\n| tables | "
                 + " | ".join(name[:-3] for name in names) + " |\n" + "|---" * (len(names) + 1)
                 + "|\n")
        for which in ("empty", "full"):
            mine = picked(policy, tables=which)
            text += (f"| {which} | " + " | ".join(f"{shown(median(mine, name), 3)} µs"
                                                   for name in names) + " |\n")
        text += "\n"
    if signing:
        text += ("### Who signs a TLS 1.3 handshake: the least processor time of one\n\n| key | together | "
                 "inside | outside: server + keys | outside / inside |\n|---|---|---|---|---|\n")
        for key, together in sorted({(row["key"], row["together"]) for row in signing}):
            inside, outside = (picked(signing, key=key, together=together, signed=signed)
                               for signed in ("inside", "outside"))
            mine, theirs = (min(part, key=lambda row: row["cpu_us"]) for part in (inside, outside))
            text += (f"| {key} | {together} | {shown(mine['cpu_us'])} µs | {shown(theirs['server_us'])} + "
                     f"{shown(theirs['keys_us'])} µs | {shown(theirs['cpu_us'] / mine['cpu_us'], 2)}× |\n")
        text += "\n"
    return text


def markdown(rows, machine):
    text = f"# Benchmark of {machine['date']}\n\n"
    text += "".join(f"* {key}: {value}\n" for key, value in machine.items()) + "\n"
    text += ("Rates are messages a second: median [least–most] of the rounds; CPU is per message, "
             "of all processes of the peer.\n\n")
    text += goals(rows)
    text += speed_table(rows, "accept", "Accept (durable; nothing is delivered)")
    text += speed_table(rows, "maildir", "Into Maildirs (from the first connection to the last file)")
    text += speed_table(rows, "relay", "Relay (from the first connection to the last message at a sink)")
    text += speed_table(rows, "lmtp", "LMTP (from the first connection to the last message at a sink)")
    return text + thousand(rows) + domains(rows) + crowd(rows) + pipelined(rows) + other_tables(rows) + dead(rows) + front_tables(rows)
