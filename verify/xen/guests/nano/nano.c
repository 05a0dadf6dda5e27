/*
 * nano: a PV guest of 4 MB that speaks the xenstore ring by itself, for the lab.
 *
 * It writes `data/hello` ("from DOMID"), watches `data/command`, removes each command that it finds
 * there, and answers it in `data/answer`:
 *
 *   off, reboot, crash     shuts down with that reason
 *   hang                   does nothing any more
 *   spin N                 N times: writes data/spin and reads it back; "spin N bad B"
 *   tx N                   N transactions that write data/tx; "tx N bad B again A"
 *   remake N               N times: makes data/made by writing it, and removes it, which can be done
 *                          once; "remake N bad B"
 *   watches N              watches data/w0 .. data/w(N-1); "watches N bad B"
 *   events N               watches data/seen, writes it N times, takes the N + 1 events, ends the
 *                          watch; "events N bad B"
 *   pipeline N             sends N reads of data/hello, rings once, and takes the N replies;
 *                          "pipeline N bad B"
 *   big                    reads data/big, which may be longer than the ring, and whose bytes are
 *                          to be equal; "big LENGTH bad B"
 *   print TEXT             writes that to the console, and answers it
 *   introduced             sends nothing until the ring is empty anew, as an introduction leaves it,
 *                          then watches again, "introduced"
 *   features               the ring's fields; "server F connection C error E"
 *   bad-index              publishes a producer index out of range, tells the console the ring's
 *                          error field, then waits for ever
 *   bad-index-off          the same, and shuts down at once
 *   bad-length             sends a header that announces 1 GiB, then waits for ever
 *   half                   sends half a header, then waits for ever
 *   reconnect              asks for a reset of the ring, watches again; "reconnected", where the
 *                          server offers that, or "not offered"
 *   anything else          answers the same text
 *
 * Its kernel's command line (`extra`) holds habits of other small guests:
 *
 *   quiet                  rings once for each request, and never when it has made room, as older
 *                          MiniOS
 *   zeroed                 zeroes the page before it begins, as firmware leaves it
 *   indices=N              sets all four indices to N before it begins, as a kernel finds them that
 *                          another one has started
 *
 * Layouts and numbers are those of Xen's public headers (xen.h, sched.h, event_channel.h,
 * io/xs_wire.h, io/console.h).
 */

#include <stddef.h>
#include <stdint.h>

enum { PAGE = 4096, RING = 1024, PAYLOAD_MAX = 4096 };
/* More requests than that don't fit into a ring whose replies nobody takes. */
enum { PIPELINE_MAX = 35 };
enum { ERROR_LOOKS = 100000 };

/* ---- What Xen hands over ---- */

struct start_info {
  char magic[32];
  uint64_t nr_pages;
  uint64_t shared_info; /* A machine address. */
  uint32_t flags;
  uint64_t store_mfn;
  uint32_t store_evtchn;
  uint64_t console_mfn;
  uint32_t console_evtchn;
  uint64_t pt_base, nr_pt_frames;
  uint64_t mfn_list; /* Where the table from our frame numbers to the machine's is. */
  uint64_t module, module_len;
  char command_line[1024];
};
_Static_assert(offsetof(struct start_info, store_mfn) == 56, "start_info");
_Static_assert(offsetof(struct start_info, console_evtchn) == 80, "start_info");
_Static_assert(offsetof(struct start_info, mfn_list) == 104, "start_info");
_Static_assert(offsetof(struct start_info, command_line) == 128, "start_info");

struct store_ring {
  uint8_t req[RING], rsp[RING];
  volatile uint32_t req_cons, req_prod, rsp_cons, rsp_prod;
  volatile uint32_t server_features, connection, error;
};

struct console_ring {
  uint8_t in[1024], out[2048];
  volatile uint32_t in_cons, in_prod, out_cons, out_prod;
};

enum { SHARED_INFO_PENDING = 0x800 };

static struct start_info *start;
static struct store_ring *store;
static struct console_ring *console;
/* It doesn't ring when it has made room. */
static int quiet;
static uint8_t shared_info[PAGE] __attribute__((aligned(PAGE)));

/* ---- Hypercalls ---- */

enum { UPDATE_VA_MAPPING = 14, SCHED_OP = 29, EVENT_CHANNEL_OP = 32 };
enum { SCHEDOP_YIELD = 0, SCHEDOP_SHUTDOWN = 2, SCHEDOP_POLL = 3, EVTCHNOP_SEND = 4 };
enum { POWEROFF = 0, REBOOT = 1, CRASH = 3 };

static long hypercall(long number, uint64_t a, uint64_t b, uint64_t c)
{
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                   : "a"(number)
                   : "rcx", "r8", "r9", "r10", "r11", "memory");
  return result;
}

static void notify(uint32_t port)
{
  hypercall(EVENT_CHANNEL_OP, EVTCHNOP_SEND, (uint64_t)&port, 0);
}

static void __attribute__((noreturn)) shut_down(uint32_t reason)
{
  for (;;)
    hypercall(SCHED_OP, SCHEDOP_SHUTDOWN, (uint64_t)&reason, 0);
}

static void yield(void)
{
  hypercall(SCHED_OP, SCHEDOP_YIELD, 0, 0);
}

/* Until the store's event channel has an event, which this takes. */
static void wait_for_store(void)
{
  uint32_t port = start->store_evtchn;
  struct {
    uint32_t *ports;
    uint32_t count;
    uint64_t timeout;
  } poll = {&port, 1, 0};
  hypercall(SCHED_OP, SCHEDOP_POLL, (uint64_t)&poll, 0);
  uint64_t *word = (uint64_t *)(shared_info + SHARED_INFO_PENDING) + port / 64;
  __atomic_fetch_and(word, ~(1ull << (port % 64)), __ATOMIC_SEQ_CST);
}

static void barrier(void)
{
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* ---- Text ---- */

void *memcpy(void *to, const void *from, size_t len)
{
  for (size_t i = 0; i < len; i++)
    ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

void *memset(void *to, int byte, size_t len)
{
  for (size_t i = 0; i < len; i++)
    ((uint8_t *)to)[i] = (uint8_t)byte;
  return to;
}

static size_t length(const char *text)
{
  size_t len = 0;
  while (text[len])
    len++;
  return len;
}

static int equal(const char *a, const char *b)
{
  while (*a && *a == *b)
    a++, b++;
  return *a == *b;
}

/* What follows a word and a space; NULL for another word. */
static const char *after(const char *text, const char *word)
{
  while (*word && *text == *word)
    text++, word++;
  return !*word && *text == ' ' ? text + 1 : NULL;
}

static uint64_t number(const char *text)
{
  uint64_t value = 0;
  for (; *text >= '0' && *text <= '9'; text++)
    value = value * 10 + (uint64_t)(*text - '0');
  return value;
}

struct text {
  char at[256];
  size_t len;
};

static void add(struct text *text, const char *more)
{
  for (; *more && text->len < sizeof text->at - 1; more++)
    text->at[text->len++] = *more;
  text->at[text->len] = 0;
}

static void add_number(struct text *text, uint64_t value)
{
  char digits[21], *at = digits + sizeof digits - 1;
  *at = 0;
  do
    *--at = (char)('0' + value % 10);
  while (value /= 10);
  add(text, at);
}

/* Writes to the console what fits: the guest must not wait for its reader. */
static void print(const char *text)
{
  uint32_t at = console->out_prod, room = 2048 - (at - console->out_cons);
  for (; *text && room; text++, room--)
    console->out[at++ % 2048] = (uint8_t)*text;
  barrier();
  console->out_prod = at;
  notify(start->console_evtchn);
}

static void __attribute__((noreturn)) give_up(const char *why)
{
  print("nano: ");
  print(why);
  print("\n");
  shut_down(CRASH);
}

/* ---- The ring ---- */

static void put(const void *from, uint32_t len)
{
  for (const uint8_t *byte = from; len;) {
    uint32_t at = store->req_prod, room = RING - (at - store->req_cons);
    barrier(); /* The room was there before it is written to. */
    if (!room) {
      notify(start->store_evtchn);
      wait_for_store();
      continue;
    }
    for (; room && len; room--, len--)
      store->req[at++ % RING] = *byte++;
    barrier(); /* The bytes are there before the index says so. */
    store->req_prod = at;
  }
}

static void get(void *to, uint32_t len)
{
  for (uint8_t *byte = to; len;) {
    uint32_t at = store->rsp_cons, ready = store->rsp_prod - at;
    barrier();
    if (!ready) {
      wait_for_store();
      continue;
    }
    for (; ready && len; ready--, len--)
      *byte++ = store->rsp[at++ % RING];
    barrier();
    store->rsp_cons = at;
    if (!quiet)
      notify(start->store_evtchn);
  }
}

/* ---- Requests ---- */

enum type {
  XS_READ = 2,
  XS_WATCH = 4,
  XS_UNWATCH = 5,
  XS_TRANSACTION_START = 6,
  XS_TRANSACTION_END = 7,
  XS_WRITE = 11,
  XS_RM = 13,
  XS_WATCH_EVENT = 15,
  XS_ERROR = 16
};

struct header {
  uint32_t type, request, transaction, len;
};

static char reply[PAYLOAD_MAX + 1];
static uint32_t last_request;
/* Whether the command has changed since it was last read. */
static int commanded;
/* Events of data/seen. */
static uint64_t seen;

/* Reads one message to `reply`. */
static struct header receive(void)
{
  struct header header;
  get(&header, sizeof header);
  if (header.len > PAYLOAD_MAX)
    give_up("a message is too long");
  get(reply, header.len);
  reply[header.len] = 0;
  if (header.type == XS_WATCH_EVENT && equal(reply, "data/command"))
    commanded = 1;
  /* Both strings of the event. */
  if (header.type == XS_WATCH_EVENT && equal(reply, "data/seen"))
    seen += equal(reply + sizeof "data/seen", "token") && header.len == sizeof "data/seen" + 6;
  return header;
}

static void send(enum type type, uint32_t transaction, const void *payload, size_t len)
{
  struct header header = {type, ++last_request, transaction, (uint32_t)len};
  put(&header, sizeof header);
  put(payload, (uint32_t)len);
}

/* The reply to the request of that number: its length, or -1 for an error, whose name is then in
 * `reply`. */
static long take_reply(enum type type, uint32_t number)
{
  for (;;) {
    struct header header = receive();
    if (header.type == XS_WATCH_EVENT)
      continue;
    if (header.request != number)
      give_up("a reply to another request");
    if (header.type == XS_ERROR)
      return -1;
    if (header.type != type)
      give_up("a reply of another type");
    return header.len;
  }
}

static long request(enum type type, uint32_t transaction, const void *payload, size_t len)
{
  send(type, transaction, payload, len);
  notify(start->store_evtchn);
  return take_reply(type, last_request);
}

static long read(const char *path)
{
  return request(XS_READ, 0, path, length(path) + 1);
}

static long write(uint32_t transaction, const char *path, const char *value)
{
  struct text payload = {.len = 0};
  add(&payload, path);
  size_t path_len = payload.len + 1;
  payload.len = path_len;
  add(&payload, value);
  return request(XS_WRITE, transaction, payload.at, payload.len);
}

/* XS_WATCH or XS_UNWATCH. */
static long watch_or_not(enum type type, const char *path)
{
  struct text payload = {.len = 0};
  add(&payload, path);
  payload.len++;
  add(&payload, "token");
  return request(type, 0, payload.at, payload.len + 1);
}

static long watch(const char *path)
{
  return watch_or_not(XS_WATCH, path);
}

/* ---- Commands ---- */

static void answer_numbers(const char *what, uint64_t n, uint64_t bad)
{
  struct text text = {.len = 0};
  add(&text, what);
  add(&text, " ");
  add_number(&text, n);
  add(&text, " bad ");
  add_number(&text, bad);
  write(0, "data/answer", text.at);
}

static void spin(uint64_t n)
{
  uint64_t bad = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct text value = {.len = 0};
    add_number(&value, i);
    bad += write(0, "data/spin", value.at) < 0;
    bad += read("data/spin") < 0 || !equal(reply, value.at);
  }
  answer_numbers("spin", n, bad);
}

static void transact(uint64_t n)
{
  uint64_t bad = 0, again = 0;
  for (uint64_t i = 0; i < n;) {
    if (request(XS_TRANSACTION_START, 0, "", 1) < 0) {
      bad++, i++;
      continue;
    }
    uint32_t id = (uint32_t)number(reply);
    struct text value = {.len = 0};
    add_number(&value, i);
    write(id, "data/tx", value.at);
    if (request(XS_TRANSACTION_END, id, "T", 2) < 0 && equal(reply, "EAGAIN")) {
      again++;
      continue;
    }
    bad += equal(reply, "OK") ? 0 : 1;
    i++;
  }
  struct text text = {.len = 0};
  add(&text, "tx ");
  add_number(&text, n);
  add(&text, " bad ");
  add_number(&text, bad);
  add(&text, " again ");
  add_number(&text, again);
  write(0, "data/answer", text.at);
}

static void remake(uint64_t n)
{
  uint64_t bad = 0;
  for (uint64_t i = 0; i < n; i++) {
    bad += write(0, "data/made", "here") < 0;
    bad += request(XS_RM, 0, "data/made", sizeof "data/made") < 0;
  }
  answer_numbers("remake", n, bad);
}

static void watch_many(uint64_t n)
{
  uint64_t bad = 0;
  for (uint64_t i = 0; i < n; i++) {
    struct text path = {.len = 0};
    add(&path, "data/w");
    add_number(&path, i);
    bad += watch(path.at) < 0;
  }
  answer_numbers("watches", n, bad);
}

static void take_events(uint64_t n)
{
  seen = 0;
  uint64_t bad = watch("data/seen") < 0;
  /* The first, which follows the reply: were it still on its way, C would not send an equal one. */
  while (!bad && !seen)
    receive();
  for (uint64_t i = 0; i < n; i++) {
    struct text value = {.len = 0};
    add_number(&value, i);
    bad += write(0, "data/seen", value.at) < 0;
  }
  /* The others came before the replies to their writes. */
  bad += watch_or_not(XS_UNWATCH, "data/seen") < 0;
  bad += seen != n + 1;
  answer_numbers("events", n, bad);
}

static void pipeline(uint64_t n)
{
  static const char path[] = "data/hello";
  if (n > PIPELINE_MAX)
    n = PIPELINE_MAX;
  uint64_t bad = 0;
  uint32_t first = last_request + 1;
  for (uint64_t i = 0; i < n; i++)
    send(XS_READ, 0, path, sizeof path);
  notify(start->store_evtchn);
  for (uint64_t i = 0; i < n; i++)
    bad += take_reply(XS_READ, first + (uint32_t)i) < 0 || !after(reply, "from");
  answer_numbers("pipeline", n, bad);
}

static void read_big(void)
{
  long len = read("data/big");
  uint64_t bad = len <= 0;
  for (long i = 1; i < len; i++)
    bad += reply[i] != reply[0];
  answer_numbers("big", len < 0 ? 0 : (uint64_t)len, bad);
}

/* After the ring was emptied; takes the first event, which is no new command. */
static void watch_again(void)
{
  commanded = 0;
  if (watch("data/command") < 0)
    give_up("no watch any more");
  while (!commanded)
    receive();
  commanded = 0;
}

static void await_introduction(void)
{
  while (store->req_prod || store->req_cons || store->rsp_prod || store->rsp_cons)
    yield();
  watch_again();
  /* Our folder may be still to be made. */
  while (write(0, "data/answer", "introduced") < 0)
    yield();
}

static void tell_features(void)
{
  struct text text = {.len = 0};
  add(&text, "server ");
  add_number(&text, store->server_features);
  add(&text, " connection ");
  add_number(&text, store->connection);
  add(&text, " error ");
  add_number(&text, store->error);
  write(0, "data/answer", text.at);
}

static void reconnect(void)
{
  if (!(store->server_features & 1)) {
    write(0, "data/answer", "not offered");
    return;
  }
  store->connection = 1;
  barrier();
  notify(start->store_evtchn);
  while (store->connection)
    wait_for_store();
  barrier();
  watch_again();
  write(0, "data/answer", "reconnected");
  print("nano: reconnected\n");
}

static void __attribute__((noreturn)) wait_for_ever(void)
{
  notify(start->store_evtchn);
  for (;;)
    wait_for_store();
}

static void publish_bad_index(void)
{
  store->req_prod = store->req_cons + RING + 1;
  barrier();
  notify(start->store_evtchn);
}

/* What the server says is wrong with the ring, as far as it says that. No doorbell tells of it. */
static void print_error(void)
{
  for (int i = 0; i < ERROR_LOOKS && !store->error; i++)
    yield();
  struct text text = {.len = 0};
  add(&text, "nano: ring error ");
  add_number(&text, store->error);
  add(&text, "\n");
  print(text.at);
}

static void obey(const char *command)
{
  const char *argument;
  if (equal(command, "off"))
    shut_down(POWEROFF);
  if (equal(command, "reboot"))
    shut_down(REBOOT);
  if (equal(command, "crash"))
    shut_down(CRASH);
  if (equal(command, "hang"))
    wait_for_ever();
  if (equal(command, "bad-index") || equal(command, "bad-index-off")) {
    publish_bad_index();
    if (equal(command, "bad-index-off"))
      shut_down(POWEROFF);
    print_error();
    wait_for_ever();
  }
  if (equal(command, "bad-length")) {
    struct header header = {XS_WRITE, ++last_request, 0, 1u << 30};
    put(&header, sizeof header);
    wait_for_ever();
  }
  if (equal(command, "half")) {
    put("12345678", 8);
    wait_for_ever();
  }
  if (equal(command, "reconnect"))
    reconnect();
  else if (equal(command, "features"))
    tell_features();
  else if ((argument = after(command, "spin")))
    spin(number(argument));
  else if ((argument = after(command, "tx")))
    transact(number(argument));
  else if ((argument = after(command, "remake")))
    remake(number(argument));
  else if ((argument = after(command, "watches")))
    watch_many(number(argument));
  else if ((argument = after(command, "events")))
    take_events(number(argument));
  else if ((argument = after(command, "pipeline")))
    pipeline(number(argument));
  else if (equal(command, "big"))
    read_big();
  else if (equal(command, "introduced"))
    await_introduction();
  else if ((argument = after(command, "print"))) {
    print(argument);
    print("\n");
    write(0, "data/answer", argument);
  }
  else
    write(0, "data/answer", command);
}

/* ---- Life ---- */

/* The page of a machine frame, in the mapping that Xen's builder made. */
static void *page_of(uint64_t mfn)
{
  const uint64_t *frames = (const uint64_t *)start->mfn_list;
  for (uint64_t i = 0; i < start->nr_pages; i++)
    if (frames[i] == mfn)
      return (void *)(i * PAGE);
  shut_down(CRASH);
}

/* What the command line says after the name of a habit; NULL where it doesn't have it. */
static const char *habit(const char *name)
{
  for (const char *at = start->command_line; *at; at++) {
    const char *word = name, *rest = at;
    while (*word && *word == *rest)
      word++, rest++;
    if (!*word)
      return rest;
  }
  return NULL;
}

static void take_habits(void)
{
  quiet = habit("quiet") != NULL;
  if (habit("zeroed"))
    memset(store, 0, PAGE);
  const char *indices = habit("indices=");
  if (indices) {
    uint32_t at = (uint32_t)number(indices);
    store->req_cons = store->req_prod = at;
    store->rsp_cons = store->rsp_prod = at;
  }
  barrier();
}

void guest_main(struct start_info *info);

void guest_main(struct start_info *info)
{
  start = info;
  console = page_of(start->console_mfn);
  store = page_of(start->store_mfn);
  /* Present, writable, user; 2: flush this page's translation. */
  hypercall(UPDATE_VA_MAPPING, (uint64_t)shared_info, start->shared_info | 7, 2);

  take_habits();
  if (read("domid") < 0)
    give_up("no domid");
  struct text hello = {.len = 0};
  add(&hello, "from ");
  add(&hello, reply);
  if (write(0, "data/hello", hello.at) < 0)
    give_up("data/hello can't be written");
  if (watch("data/command") < 0)
    give_up("data/command can't be watched");
  print("nano: hello ");
  print(hello.at);
  print("\n");

  for (;;) {
    while (!commanded)
      receive();
    commanded = 0;
    if (read("data/command") <= 0)
      continue;
    char command[128];
    size_t len = length(reply) < sizeof command - 1 ? length(reply) : sizeof command - 1;
    memcpy(command, reply, len);
    command[len] = 0;
    /* So that it is obeyed once, however many events tell of it. */
    request(XS_RM, 0, "data/command", sizeof "data/command");
    obey(command);
  }
}
