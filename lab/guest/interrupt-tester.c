/*
 * Drives Carillon's interrupt tester from user space through the guest's vfio-pci and counts what
 * arrives, eventfd by eventfd.
 *
 *   interrupt-tester /dev/vfio/GROUP DDDD:BB:DD.F TEST...
 *
 * A TEST is one of
 *   msix=N    binds N vectors, fires each once by one command, and once more one after the other
 *   msi=N     the same with N messages
 *   intx=N    N rounds of fire, arrival, acknowledgement and unmask
 *   timer=N   N ticks of the device's timer, going round over 8 vectors; some may join another
 *   ims=N     N slots of the message store, each with the message that the kernel wrote for the
 *             vector of that number; the slots are in BAR 4 or in memory, as the device says
 *   moves=N   N times round from the pin to MSI to MSI-X, with an event under way at each move
 *
 * Says what it saw in lines "CARILLON key value"; exit status 0 only if everything arrived exactly
 * once, or with a timer at all. Registers: docs/specifications/interrupt-tester.md.
 *
 * Not modelled: devices behind an IOMMU group with others.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_VECTORS = 2048,
    TIMEOUT_MS = 20000,
    IDENTIFICATION = 0x000, VECTORS = 0x008, MESSAGES = 0x00c, SOURCES = 0x010, MECHANISM = 0x014,
    SLOTS = 0x018, STORE = 0x01c,
    FIRE = 0x020, ACKNOWLEDGE = 0x024, RANGE_FIRST = 0x030, RANGE_COUNT = 0x034, COMMAND = 0x038,
    TIMER_PERIOD = 0x040, TIMER_COUNT = 0x044, TIMER_CONTROL = 0x048, TIMER_TICKS = 0x04c, SELECT = 0x060,
    SOURCE_STATE = 0x064, RAISED = 0x068, SENT = 0x070, COALESCED = 0x078, DISCARDED = 0x080,
    HANDED_OVER = 0x088, RECORDS = 0x0a0, RECORDS_UPPER = 0x0a4, DOORBELL = 0x0a8, CAUSES = 0x100,
    SLOT_BYTES = 16, RECORD_BYTES = 24, RECORDS_IOVA = 0x100000,
};
static const uint32_t SLOT = 1u << 31;

static int container, device;
static off_t registers;
static int events[MOST_VECTORS];
static unsigned long arrived[MOST_VECTORS];
static bool all_well = true;

static void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("CARILLON ", stdout);
    vprintf(format, arguments);
    va_end(arguments);
    fputs("\n", stdout);
    fflush(stdout);
}

static _Noreturn void fail(const char *step)
{
    say("failed %s: %s", step, strerror(errno));
    exit(1);
}

static uint32_t get(off_t at)
{
    uint32_t value = 0;
    if (pread(device, &value, sizeof value, registers + at) != sizeof value)
        fail("register read");
    return le32toh(value);
}

static void set(off_t at, uint32_t value)
{
    value = htole32(value);
    if (pwrite(device, &value, sizeof value, registers + at) != sizeof value)
        fail("register write");
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void open_device(const char *group_path, const char *address)
{
    container = open("/dev/vfio/vfio", O_RDWR);
    int group = open(group_path, O_RDWR);
    if (container < 0 || group < 0)
        fail("open container and group");
    if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
        fail("set container");
    bool is_noiommu = strstr(group_path, "noiommu") != NULL;
    if (ioctl(container, VFIO_SET_IOMMU, is_noiommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU))
        fail("set IOMMU");
    device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address);
    if (device < 0)
        fail("device descriptor");
    struct vfio_region_info region = {.argsz = sizeof region, .index = VFIO_PCI_BAR0_REGION_INDEX};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
        fail("region info");
    registers = (off_t)region.offset;
    struct vfio_region_info config = {
        .argsz = sizeof config, .index = VFIO_PCI_CONFIG_REGION_INDEX};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
        fail("config info");
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    if (pwrite(device, &command, sizeof command, (off_t)config.offset + PCI_COMMAND) != 2)
        fail("command");
    if (get(IDENTIFICATION) != 0x54534554) {
        errno = ENODEV;
        fail("identification");
    }
}

/* Binds the first `count` eventfds to an index of interrupts, or nothing with 0. */
static int bind_events(uint32_t index, uint32_t count)
{
    static _Alignas(struct vfio_irq_set) char space[sizeof(struct vfio_irq_set) + sizeof events];
    struct vfio_irq_set *request = (void *)space;
    *request = (struct vfio_irq_set){
        .argsz = (uint32_t)(sizeof *request + count * sizeof events[0]),
        .flags = VFIO_IRQ_SET_ACTION_TRIGGER
            | (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
        .index = index,
        .count = count,
    };
    memcpy(space + sizeof *request, events, count * sizeof events[0]);
    return ioctl(device, VFIO_DEVICE_SET_IRQS, request) ? -errno : 0;
}

static void bind(uint32_t index, uint32_t count)
{
    int answer = bind_events(index, count);
    if (answer < 0) {
        errno = -answer;
        fail(count ? "bind interrupts" : "unbind interrupts");
    }
}

static void unmask_pin(void)
{
    struct vfio_irq_set request = {
        .argsz = sizeof request,
        .flags = VFIO_IRQ_SET_ACTION_UNMASK | VFIO_IRQ_SET_DATA_NONE,
        .index = VFIO_PCI_INTX_IRQ_INDEX,
        .count = 1,
    };
    if (ioctl(device, VFIO_DEVICE_SET_IRQS, &request))
        fail("unmask the pin");
}

static unsigned long take(int number)
{
    uint64_t count = 0;
    if (read(events[number], &count, sizeof count) == sizeof count)
        arrived[number] += count;
    return (unsigned long)count;
}

/* Waits until `number` has arrived; false when the time is up first. */
static bool wait_for(int number)
{
    struct pollfd poll_one = {.fd = events[number], .events = POLLIN};
    if (take(number) > 0)
        return true;
    return poll(&poll_one, 1, TIMEOUT_MS) == 1 && take(number) > 0;
}

static unsigned long total(uint32_t count)
{
    unsigned long sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += arrived[i];
    return sum;
}

static void forget(void)
{
    for (int i = 0; i < MOST_VECTORS; i++)
        take(i);
    memset(arrived, 0, sizeof arrived);
}

/* Everything must have arrived exactly `times` times. */
static void judge(const char *test, uint32_t count, unsigned long times, double started)
{
    uint32_t exact = 0, missing = 0, doubled = 0;
    for (uint32_t i = 0; i < count; i++) {
        take((int)i);
        exact += arrived[i] == times;
        missing += arrived[i] < times;
        doubled += arrived[i] > times;
    }
    if (missing || doubled)
        all_well = false;
    say("%s bound=%u each=%lu exact=%u missing=%u doubled=%u milliseconds=%.0f", test, count, times,
        exact, missing, doubled, (seconds() - started) * 1000);
}

static void test_messages(const char *name, uint32_t index, uint32_t count)
{
    struct vfio_irq_info info = {.argsz = sizeof info, .index = index};
    if (ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, &info))
        fail("interrupt info");
    forget();
    double started = seconds();
    bind(index, count);
    say("%s-bound count=%u offered=%u mechanism=%u milliseconds=%.0f", name, count, info.count,
        get(MECHANISM), (seconds() - started) * 1000);
    started = seconds();
    set(RANGE_FIRST, 0);
    set(RANGE_COUNT, count);
    set(COMMAND, 1);
    set(COMMAND, 2);
    for (uint32_t i = 0; i < count; i++)
        if (!arrived[i])
            wait_for((int)i);
    for (uint32_t i = 0; i < count; i++) {
        set(FIRE, i);
        set(ACKNOWLEDGE, i);
        wait_for((int)i);
    }
    judge(name, count, 2, started);
    bind(index, 0);
}

static void test_pin(uint32_t rounds)
{
    uint32_t sources = get(SOURCES);
    forget();
    double started = seconds();
    bind(VFIO_PCI_INTX_IRQ_INDEX, 1);
    for (uint32_t round = 0; round < rounds; round++) {
        uint32_t source = round % (sources < 32 ? sources : 32);
        set(FIRE, source);
        if (!wait_for(0))
            break;
        if (get(CAUSES) != 1u << source)
            all_well = false;
        set(ACKNOWLEDGE, source);
        unmask_pin();
    }
    judge("intx", 1, rounds, started);
    bind(VFIO_PCI_INTX_IRQ_INDEX, 0);
}

static void test_timer(uint32_t ticks)
{
    enum { ROUND = 8 };
    forget();
    double started = seconds();
    bind(VFIO_PCI_MSIX_IRQ_INDEX, ROUND);
    set(RANGE_FIRST, 0);
    set(RANGE_COUNT, ROUND);
    set(TIMER_PERIOD, 500);
    set(TIMER_COUNT, ticks);
    set(TIMER_CONTROL, 3);
    bool more = true;
    while (more || (get(TIMER_CONTROL) & 1)) {
        struct pollfd all[ROUND];
        for (int i = 0; i < ROUND; i++)
            all[i] = (struct pollfd){.fd = events[i], .events = POLLIN};
        more = poll(all, ROUND, 1000) > 0;
        for (int i = 0; i < ROUND; i++)
            if (all[i].revents)
                take(i);
    }
    /* Whoever is slow to look at an eventfd finds two ticks in it and has one interrupt of both. */
    int silent = 0;
    for (int i = 0; i < ROUND; i++)
        silent += arrived[i] == 0;
    say("timer ticks=%u arrived=%lu silent=%d milliseconds=%.0f", get(TIMER_TICKS), total(ROUND),
        silent, (seconds() - started) * 1000);
    if (silent || total(ROUND) > ticks || get(TIMER_TICKS) != ticks)
        all_well = false;
    set(COMMAND, 2);
    bind(VFIO_PCI_MSIX_IRQ_INDEX, 0);
}

static off_t region_offset(uint32_t index)
{
    struct vfio_region_info region = {.argsz = sizeof region, .index = index};
    if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
        fail("region info");
    return (off_t)region.offset;
}

/* Memory that the device reaches at RECORDS_IOVA. */
static volatile uint32_t *lend_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("memory");
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof map,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (uintptr_t)memory,
        .iova = RECORDS_IOVA,
        .size = bytes,
    };
    if (ioctl(container, VFIO_IOMMU_MAP_DMA, &map))
        fail("lend memory");
    return memory;
}

/* An interrupt through a slot: the kernel's own message for a vector, sent by the store. */
static void test_slots(uint32_t count)
{
    enum { TABLE_BYTES = 0x8000, RECORDS_BYTES = 0x10000 };
    uint32_t store = get(STORE);
    bool in_memory = (store & 3) == 2;
    off_t slots = in_memory ? 0 : region_offset(VFIO_PCI_BAR4_REGION_INDEX);
    volatile uint32_t *records = in_memory ? lend_memory(RECORDS_BYTES) : NULL;
    volatile uint32_t *table = mmap(NULL, TABLE_BYTES, PROT_READ, MAP_SHARED, device,
        region_offset(VFIO_PCI_BAR2_REGION_INDEX));
    if (table == MAP_FAILED)
        fail("map the table");
    forget();
    double started = seconds();
    bind(VFIO_PCI_MSIX_IRQ_INDEX, count);
    set(RECORDS, RECORDS_IOVA);
    set(RECORDS_UPPER, 0);
    for (uint32_t i = 0; i < count; i++) {
        volatile uint32_t *entry = table + 4 * i;
        uint32_t words[4] = {entry[0], entry[1], entry[2], htole32(0)};
        if (in_memory) {
            volatile uint32_t *record = records + RECORD_BYTES / 4 * i;
            record[1] = words[3];
            for (int word = 0; word < 3; word++)
                record[2 + word] = words[word];
            set(DOORBELL, i);
        } else if (pwrite(device, words, sizeof words, slots + SLOT_BYTES * i) != sizeof words)
            fail("slot write");
    }
    say("ims-bound count=%u kind=%u takes=%u address=0x%08x", count, store & 3, store >> 2 & 1,
        le32toh(table[0]));
    set(RANGE_FIRST, SLOT);
    set(RANGE_COUNT, count);
    set(COMMAND, 1);
    set(COMMAND, 2);
    for (uint32_t i = 0; i < count; i++)
        if (!arrived[i])
            wait_for((int)i);
    for (uint32_t i = 0; i < count; i++) {
        set(FIRE, SLOT | i);
        set(ACKNOWLEDGE, SLOT | i);
        wait_for((int)i);
    }
    judge("ims", count, 2, started);
    bind(VFIO_PCI_MSIX_IRQ_INDEX, 0);
}

/* One event is under way whenever the guest moves; it must arrive once, by the next mechanism. */
static void test_moves(uint32_t rounds)
{
    static const struct {
        uint32_t index;
        const char *name;
    } ways[] = {
        {VFIO_PCI_INTX_IRQ_INDEX, "intx"},
        {VFIO_PCI_MSI_IRQ_INDEX, "msi"},
        {VFIO_PCI_MSIX_IRQ_INDEX, "msix"},
    };
    unsigned long by_way[3] = {0, 0, 0};
    forget();
    double started = seconds();
    for (uint32_t round = 0; round < 3 * rounds; round++) {
        uint32_t way = round % 3;
        set(FIRE, 0);
        bind(ways[way].index, 1);
        /* QEMU's I/O APIC forgets a line that rose while its entry was masked and said edge, as
         * Linux leaves it without a handler. Any access to a BAR has QEMU raise the line anew. */
        if (way == 0)
            get(MECHANISM);
        if (wait_for(0))
            by_way[way]++;
        set(ACKNOWLEDGE, 0);
        if (way == 0)
            unmask_pin();
        bind(ways[way].index, 0);
    }
    for (int way = 0; way < 3; way++)
        say("moved way=%s arrived=%lu", ways[way].name, by_way[way]);
    judge("moves", 1, 3ul * rounds, started);
}

static void show_counters(void)
{
    unsigned long sums[5] = {0, 0, 0, 0, 0};
    static const off_t places[5] = {RAISED, SENT, COALESCED, DISCARDED, HANDED_OVER};
    unsigned long waiting = 0;
    uint32_t sources = get(SOURCES);
    uint32_t slots = get(SLOTS);
    for (uint32_t source = 0; source < sources + slots; source++) {
        set(SELECT, source < sources ? source : SLOT | (source - sources));
        for (int i = 0; i < 5; i++)
            sums[i] += get(places[i]);
        waiting += get(SOURCE_STATE) >> 1 & 1;
    }
    bool balanced = sums[0] == sums[1] + sums[2] + sums[3] + sums[4] + waiting;
    say("counters raised=%lu sent=%lu coalesced=%lu discarded=%lu handedover=%lu waiting=%lu "
        "balanced=%d",
        sums[0], sums[1], sums[2], sums[3], sums[4], waiting, balanced);
    if (!balanced)
        all_well = false;
}

int main(int count, char **words)
{
    if (count < 4) {
        fprintf(stderr, "usage: interrupt-tester /dev/vfio/GROUP ADDRESS TEST...\n");
        return 64;
    }
    struct rlimit files = {MOST_VECTORS + 64, MOST_VECTORS + 64};
    if (setrlimit(RLIMIT_NOFILE, &files))
        fail("open files");
    for (int i = 0; i < MOST_VECTORS; i++) {
        events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (events[i] < 0)
            fail("eventfd");
    }
    open_device(words[1], words[2]);
    say("tester vectors=%u messages=%u sources=%u slots=%u", get(VECTORS), get(MESSAGES),
        get(SOURCES), get(SLOTS));
    for (int i = 3; i < count; i++) {
        char *value = strchr(words[i], '=');
        uint32_t number = value ? (uint32_t)strtoul(value + 1, NULL, 10) : 0;
        if (strncmp(words[i], "msix=", 5) == 0)
            test_messages("msix", VFIO_PCI_MSIX_IRQ_INDEX, number);
        else if (strncmp(words[i], "msi=", 4) == 0)
            test_messages("msi", VFIO_PCI_MSI_IRQ_INDEX, number);
        else if (strncmp(words[i], "intx=", 5) == 0)
            test_pin(number);
        else if (strncmp(words[i], "timer=", 6) == 0)
            test_timer(number);
        else if (strncmp(words[i], "ims=", 4) == 0)
            test_slots(number);
        else if (strncmp(words[i], "moves=", 6) == 0)
            test_moves(number);
        else {
            fprintf(stderr, "there is no test %s\n", words[i]);
            return 64;
        }
    }
    show_counters();
    return all_well ? 0 : 1;
}
