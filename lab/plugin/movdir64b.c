/*
 * Gives MOVDIR64B its effect under QEMU's TCG, which has the bit of that CPU feature but not the
 * instruction.
 *
 *   qemu -cpu max,+movdir64b,+movdiri,x-force-features=on -plugin movdir64b.so,socket=PATH...
 *
 * Each instruction is offered to the servers at these Unix stream sockets in turn, as one message
 * of 72 bytes: the destination's guest physical address, 8 bytes little-endian, and the 64 bytes
 * moved. The server answers with one byte: 1, it took them, or 0, the address is not its own. The
 * vCPU waits for it. What nobody takes is dropped, counted and reported, as a write to no device
 * would be dropped. A socket is connected when it is first needed, and again after its server went
 * away.
 *
 * The plugin writes to no memory itself: that would reach no device, and not in one piece. The
 * guest sees #UD, as without the plugin, when the destination is not aligned, an operand is not
 * mapped, or the form is not modelled: 32-bit code and addresses, FS and GS. Write protection is
 * not looked at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* --- What is used of QEMU's plugin interface, version 7, and of the GLib inside QEMU --------- */

enum { WRITE_REGISTERS_AND_PC = 3 }; /* what a callback may do */

struct plugin_info {
    const char *target;
    struct {
        int min, current;
    } version;
    bool is_system;
};
struct register_descriptor {
    void *handle; /* opaque, also NULL is one */
    const char *name, *feature;
    bool is_read_only;
};
struct array { /* GArray and GByteArray */
    uint8_t *data;
    unsigned int length;
};

extern void qemu_plugin_register_vcpu_init_cb(uint64_t id, void (*)(unsigned int, void *), void *);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*)(void *, void *), void *);
extern void qemu_plugin_register_atexit_cb(uint64_t id, void (*)(void *), void *);
extern void qemu_plugin_register_vcpu_insn_exec_cb(
    void *instruction, void (*)(unsigned int, void *), int flags, void *);
extern size_t qemu_plugin_tb_n_insns(const void *block);
extern void *qemu_plugin_tb_get_insn(const void *block, size_t index);
extern size_t qemu_plugin_insn_data(const void *instruction, void *bytes, size_t length);
extern uint64_t qemu_plugin_insn_vaddr(const void *instruction);
extern struct array *qemu_plugin_get_registers(void);
extern bool qemu_plugin_read_register(void *handle, struct array *);
extern bool qemu_plugin_read_memory_vaddr(uint64_t address, struct array *, size_t length);
extern bool qemu_plugin_translate_vaddr(uint64_t address, uint64_t *physical);
extern void qemu_plugin_set_pc(uint64_t address); /* does not return when it succeeds */
extern struct array *g_byte_array_new(void);
extern struct array *g_byte_array_set_size(struct array *, unsigned int length);
extern char *g_array_free(struct array *, int frees_data);

int qemu_plugin_version = 7;

/* --- State ------------------------------------------------------------------------------------ */

enum { MAX_SOCKETS = 16, MESSAGE_BYTES = 72, ANSWER_SECONDS = 20, MAX_COMPLAINTS = 10 };
enum { RIP = 16, REGISTERS };

static const char *const register_names[REGISTERS] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9",
    "r10", "r11", "r12", "r13", "r14", "r15", "rip",
};
static void *handles[REGISTERS];
static int known; /* how many of them were found */

static struct server {
    struct sockaddr_un address;
    int connection; /* -1: none */
    pthread_mutex_t lock; /* one message and its answer at a time */
    unsigned long taken, refused, failed;
} servers[MAX_SOCKETS];
static int server_count;

static pthread_mutex_t counts_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long dropped, raised, complaints;
static __thread struct array *scratch; /* qemu_plugin_set_pc leaves no chance to free one */

static void complain(unsigned long *count, const char *what, unsigned long address)
{
    pthread_mutex_lock(&counts_lock);
    *count += 1;
    complaints += 1;
    if (complaints <= MAX_COMPLAINTS)
        fprintf(stderr, "movdir64b: %s %#lx%s\n", what, address,
                complaints == MAX_COMPLAINTS ? "; no more is said" : "");
    pthread_mutex_unlock(&counts_lock);
}

/* --- Guest state ------------------------------------------------------------------------------ */

static uint64_t guest_register(int number)
{
    uint64_t value = 0;
    g_byte_array_set_size(scratch, 0);
    if (qemu_plugin_read_register(handles[number], scratch))
        memcpy(&value, scratch->data, scratch->length < 8 ? scratch->length : 8);
    return value;
}

static bool guest_memory(uint64_t address, void *bytes, size_t length)
{
    g_byte_array_set_size(scratch, 0);
    if (!qemu_plugin_read_memory_vaddr(address, scratch, length) || scratch->length < length)
        return false;
    memcpy(bytes, scratch->data, length);
    return true;
}

/* The longest instruction at an address, or as much of it as there is before an unmapped page. */
static size_t guest_code(uint64_t address, uint8_t code[15])
{
    if (guest_memory(address, code, 15))
        return 15;
    size_t length = 4096 - address % 4096;
    return length < 15 && guest_memory(address, code, length) ? length : 0;
}

/* --- Decoding --------------------------------------------------------------------------------- */

/* The length of prefixes and opcode if they are MOVDIR64B's, 66 [REX] 0F 38 F8, or 0. Segment
   prefixes without effect in 64-bit mode may stand among them. */
static size_t opcode_length(const uint8_t *code, size_t length, uint8_t *rex)
{
    bool has_66 = false;
    size_t at = 0;
    for (; at < length && (code[at] == 0x66 || (code[at] & 0xe7) == 0x26); at++)
        has_66 |= code[at] == 0x66;
    *rex = at < length && (code[at] & 0xf0) == 0x40 ? code[at++] : 0;
    return has_66 && length >= at + 3 && memcmp(code + at, "\x0f\x38\xf8", 3) == 0 ? at + 3 : 0;
}

/* The operands of the instruction at pc; returns its length, or 0 when it is none of ours. */
static size_t decode(uint64_t pc, uint64_t *source, uint64_t *destination)
{
    uint8_t code[15 + 6] = {0}, rex; /* behind the opcode no more than 6 bytes are looked at */
    size_t length = guest_code(pc, code), at = opcode_length(code, length, &rex);
    if (at == 0)
        return 0;
    int mode = code[at] >> 6, reg = (code[at] >> 3 & 7) | (rex << 1 & 8), rm = code[at] & 7;
    at++;
    if (mode == 3)
        return 0; /* a register is no source */
    size_t displacement_bytes = mode == 1 ? 1 : mode == 2 ? 4 : 0;
    bool is_relative = mode == 0 && rm == 5;
    uint64_t address = 0;
    if (is_relative) {
        displacement_bytes = 4;
    } else if (rm == 4) {
        int scale = code[at] >> 6, index = (code[at] >> 3 & 7) | (rex << 2 & 8);
        int base = code[at++] & 7;
        if (index != 4)
            address = guest_register(index) << scale;
        if (mode == 0 && base == 5)
            displacement_bytes = 4;
        else
            address += guest_register(base | (rex << 3 & 8));
    } else {
        address = guest_register(rm | (rex << 3 & 8));
    }
    int32_t displacement = (int8_t)code[at];
    if (displacement_bytes == 4)
        memcpy(&displacement, code + at, 4);
    at += displacement_bytes;
    if (displacement_bytes > 0)
        address += (uint64_t)displacement;
    *source = is_relative ? address + pc + at : address;
    *destination = guest_register(reg);
    return at <= length ? at : 0;
}

/* --- Servers ---------------------------------------------------------------------------------- */

static void disconnect(struct server *server)
{
    close(server->connection);
    server->connection = -1;
}

static bool connect_to(struct server *server)
{
    if (server->connection >= 0)
        return true;
    server->connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->connection < 0)
        return false;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    setsockopt(server->connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(server->connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    /* QEMU kicks its vCPUs with signals. */
    if (TEMP_FAILURE_RETRY(connect(server->connection, (struct sockaddr *)&server->address,
                                   sizeof server->address)) == 0)
        return true;
    disconnect(server);
    return false;
}

static bool send_message(struct server *server, const uint8_t *message)
{
    ssize_t count = TEMP_FAILURE_RETRY(
        send(server->connection, message, MESSAGE_BYTES, MSG_NOSIGNAL));
    return count == MESSAGE_BYTES;
}

/* Whether a server took the message. One that was sent whole is never sent again: a server that
   ends before it answers may have acted on it. */
static bool offer(struct server *server, const uint8_t *message)
{
    uint8_t answer = 0;
    ssize_t count = -1;
    pthread_mutex_lock(&server->lock);
    bool was_connected = server->connection >= 0, is_sent = false;
    if (connect_to(server)) {
        is_sent = send_message(server, message);
        if (!is_sent) {
            disconnect(server);
            is_sent = was_connected && connect_to(server) && send_message(server, message);
        }
    }
    if (is_sent)
        count = TEMP_FAILURE_RETRY(recv(server->connection, &answer, 1, 0));
    if (count != 1 && server->connection >= 0)
        disconnect(server);
    *(count != 1 ? &server->failed : answer == 1 ? &server->taken : &server->refused) += 1;
    pthread_mutex_unlock(&server->lock);
    return count == 1 && answer == 1;
}

/* --- Callbacks -------------------------------------------------------------------------------- */

/*
 * The instruction's address. A translated block serves all virtual addresses of its page,
 * so the one it was translated at may differ from the one it runs at by whole pages. The register
 * holds the latter or that of the block's beginning, less than a page before.
 */
static uint64_t address_of(uint64_t translated_at)
{
    return translated_at + ((guest_register(RIP) - translated_at + 4095) & ~(uint64_t)4095);
}

static void execute(unsigned int cpu, void *translated_at)
{
    (void)cpu;
    uint64_t source, destination, physical;
    uint8_t message[MESSAGE_BYTES];
    if (!scratch)
        scratch = g_byte_array_new();
    uint64_t pc = address_of((uintptr_t)translated_at);
    size_t length = decode(pc, &source, &destination);
    if (length == 0 || destination % 64 != 0 || !guest_memory(source, message + 8, 64) ||
        !qemu_plugin_translate_vaddr(destination, &physical)) {
        complain(&raised, "not carried out at pc", pc);
        return; /* into #UD */
    }
    for (int byte = 0; byte < 8; byte++)
        message[byte] = (uint8_t)(physical >> 8 * byte);
    bool is_taken = false;
    for (int i = 0; i < server_count && !is_taken; i++)
        is_taken = offer(&servers[i], message);
    if (!is_taken)
        complain(&dropped, "nobody took 64 bytes for", physical);
    qemu_plugin_set_pc(pc + length);
}

static void translate(void *block, void *unused)
{
    (void)unused;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        void *instruction = qemu_plugin_tb_get_insn(block, i);
        uint8_t code[15], rex;
        /* QEMU, which does not know the instruction, has not read its operands yet. */
        size_t length = qemu_plugin_insn_data(instruction, code, sizeof code);
        if (known == REGISTERS && opcode_length(code, length, &rex) > 0)
            qemu_plugin_register_vcpu_insn_exec_cb(
                instruction, execute, WRITE_REGISTERS_AND_PC,
                (void *)(uintptr_t)qemu_plugin_insn_vaddr(instruction));
    }
}

/* Registers have the same handles on every vCPU. */
static void begin(unsigned int cpu, void *unused)
{
    (void)unused;
    if (cpu != 0)
        return;
    struct array *found = qemu_plugin_get_registers();
    const struct register_descriptor *descriptors = (void *)found->data;
    for (unsigned int i = 0; i < found->length; i++)
        for (int number = 0; number < REGISTERS; number++)
            if (strcmp(descriptors[i].name, register_names[number]) == 0) {
                handles[number] = descriptors[i].handle;
                known++;
            }
    g_array_free(found, true);
    if (known != REGISTERS)
        fputs("movdir64b: this QEMU names its registers in another way\n", stderr);
}

static void end(void *unused)
{
    (void)unused;
    for (int i = 0; i < server_count; i++)
        fprintf(stderr, "movdir64b: %s taken=%lu refused=%lu failed=%lu\n",
                servers[i].address.sun_path, servers[i].taken, servers[i].refused,
                servers[i].failed);
    fprintf(stderr, "movdir64b: dropped=%lu raised=%lu\n", dropped, raised);
}

int qemu_plugin_install(uint64_t id, const struct plugin_info *info, int count, char **options)
{
    if (strcmp(info->target, "x86_64") != 0 || !info->is_system) {
        fputs("movdir64b: is for qemu-system-x86_64\n", stderr);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        const char *path = options[i] + strlen("socket=");
        struct server *server = &servers[server_count];
        if (strncmp(options[i], "socket=", 7) != 0 || server_count == MAX_SOCKETS ||
            strlen(path) >= sizeof server->address.sun_path) {
            fprintf(stderr, "movdir64b: wrong option, or one too many: %s\n", options[i]);
            return 1;
        }
        server->address.sun_family = AF_UNIX;
        strcpy(server->address.sun_path, path);
        server->connection = -1;
        pthread_mutex_init(&server->lock, NULL);
        server_count++;
    }
    qemu_plugin_register_vcpu_init_cb(id, begin, NULL);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate, NULL);
    qemu_plugin_register_atexit_cb(id, end, NULL);
    return 0;
}
