<?php
/*
 * Reads the PHP heaps of the processes in its pid namespace, from outside, with the checks of zend_mm.py.
 *
 * A request is a line of pids, or an empty line for every pid there is. The answer is one line too, an entry a pid with
 * tabs between: "pid=size,peak,real_size,started_ticks", or "pid!absent,why" without a PHP heap, or "pid!refused,why".
 * Runs on PHP 7.4 and later, without any extension.
 */

const CHUNK = 1 << 21;
const PAGE = 4096;
const SLOT = 64;
const USER_SPACE_END = 1 << 56;
const TRIES = 4;
const CHUNKS_SCANNED = 1 << 17;
const CHUNKS_WALKED = 64;
const BLOCKS_WALKED = 256;

final class Moved extends Exception
{
}

final class Refused extends Exception
{
    public $kind;

    public function __construct(string $message, string $kind = 'refused')
    {
        parent::__construct($message);
        $this->kind = $kind;
    }
}

final class Memory
{
    private $stream;

    public function __construct(int $pid)
    {
        $this->stream = @fopen("/proc/$pid/mem", 'rb');
        if (!$this->stream) {
            throw life($pid) ? new Refused('gives no right to read its memory') : new Refused('has ended', 'absent');
        }
        stream_set_read_buffer($this->stream, 0);
    }

    public function read(int $address, int $size): string
    {
        return @fseek($this->stream, $address) === 0 ? (string) @fread($this->stream, $size) : '';
    }

    /** @return int[] the fields of a format; none where there is no memory */
    public function fields(int $address, string $format, int $size): array
    {
        $data = $this->read($address, $size);
        return strlen($data) < $size ? [] : array_values(unpack($format, $data));
    }
}

/** Start time, address of the stack, "has run no exec since its fork" and parent; they change with the program. */
function life(int $pid): array
{
    $fields = stat_fields("/proc/$pid/stat");
    return !$fields || $fields[0] === 'Z' || $fields[0] === 'X' ? []
        : [(int) $fields[19], $fields[25], (int) $fields[6] & 0x40, (int) $fields[1]];
}

function stat_fields(string $file): array
{
    $text = (string) @file_get_contents($file);
    return $text === '' ? [] : explode(' ', substr($text, strrpos($text, ')') + 2));
}

/** A child between vfork and exec uses the memory of its parent, one of whose threads waits for it. */
function borrows_memory(array $life): bool
{
    foreach ($life[2] ? glob("/proc/$life[3]/task/*/stat") : [] as $file) {
        if ((stat_fields($file)[0] ?? '') === 'D') {
            return true;
        }
    }
    return false;
}

/** Chunks whose first page was ever written: to read others would make the kernel set up page tables for them. */
function touched_chunks(int $pid): Generator
{
    $chunks = iterator_to_array(chunk_addresses($pid), false);
    if (!($pagemap = @fopen("/proc/$pid/pagemap", 'rb'))) {
        yield from $chunks;
        return;
    }
    stream_set_read_buffer($pagemap, 0);
    foreach ($chunks as $chunk) {
        fseek($pagemap, intdiv($chunk, PAGE) * 8);
        $entry = (string) @fread($pagemap, 8);
        if (strlen($entry) === 8 && ord($entry[7]) & 0xC0) {
            yield $chunk;
        }
    }
}

function chunk_addresses(int $pid): Generator
{
    $count = 0;
    $anonymous = '~^(\w+)-(\w+) rw.p \w+ \S+ (?:0 *(?:\[anon:.*)?|\d+ +/anon_hugepage.*)$~m';
    preg_match_all($anonymous, (string) @file_get_contents("/proc/$pid/maps"), $regions, PREG_SET_ORDER);
    foreach ($regions as [, $from, $to]) {
        [$from, $to] = [hexdec($from), hexdec($to)];
        if (!is_int($to)) {
            continue;
        }
        for ($chunk = ($from + CHUNK - 1) & ~(CHUNK - 1); $chunk + PAGE <= $to; $chunk += CHUNK) {
            if (++$count > CHUNKS_SCANNED) {
                throw new Refused('maps too much memory to look for a heap in');
            }
            yield $chunk;
        }
    }
}

/** The offset of real_size and of main_chunk in a first chunk, under the one layout that fits; [] if none or several. */
function recognise(Memory $memory, int $chunk): array
{
    for ($try = 0; $try < TRIES; $try++) {
        $page = $memory->read($chunk, 512);
        $fitting = [];
        foreach (strlen($page) < 512 ? [] : [24, 32] as $counters) {
            foreach ([SLOT + 272, SLOT + 280] as $real) {
                foreach ([$real + 24, $real + 40] as $tail) {
                    if (fits($memory, $chunk, $page, $counters, $real, $tail)) {
                        $fitting[] = [$real, $tail + 16];
                    }
                }
            }
        }
        if (count($fitting) === 1) {
            return $fitting[0];
        }
    }
    return [];
}

function fits(Memory $memory, int $chunk, string $page, int $counters, int $real, int $tail): bool
{
    [$own, $next, $prev] = array_values(unpack('P3', $page));
    [$freePages, $freeTail, $num] = array_values(unpack('V3', $page, $counters));
    [$size, $peak] = array_values(unpack('P2', $page, SLOT + 16));
    [$realSize, $realPeak, $limit] = array_values(unpack('P3', $page, $real));
    ['o' => $overflow, 'h' => $hugeList, 'm' => $main, 'c' => $cachedChunks, 'n' => $chunks, 'p' => $peakChunks,
        'k' => $cached, 'a' => $average] = unpack('Vo/x4/Ph/Pm/Pc/Vn/Vp/Vk/x4/ea', $page, $tail);
    $inChunks = ($chunks + $cached) * CHUNK;
    return $own === $chunk + SLOT && $main === $chunk
        && $num === 0 && $freeTail >= 1 && $freeTail <= 512 && 512 - $freeTail <= $freePages && $freePages < 512
        && $size >= 0 && $size <= $peak && $peak <= $realPeak && $size <= $realSize && $realSize <= $realPeak
        && $realPeak < USER_SPACE_END && $realSize % PAGE === 0 && $limit >= CHUNK && $overflow <= 1
        && $chunks >= 1 && $chunks <= $peakChunks && $peakChunks < 1 << 31 && $cached < 1 << 31
        && ($cached === 0) === ($cachedChunks === 0) && $cachedChunks % CHUNK === 0
        && is_chunk($next) && is_chunk($prev) && is_finite($average) && $average >= 0
        && ($hugeList ? $realSize > $inChunks : $realSize === $inChunks)
        && slots_fit($page, $real) && is_ring($memory, $chunk, $next, $prev, $chunks)
        && huge_blocks_fit($memory, $hugeList, $realSize - $inChunks);
}

function is_chunk(int $address): bool
{
    return $address > 0 && $address < USER_SPACE_END && $address % CHUNK === 0;
}

function slots_fit(string $page, int $real): bool
{
    foreach (unpack('P30', $page, $real - 240) as $slot) {
        if ($slot % 8 !== 0 || $slot < 0 || $slot >= USER_SPACE_END) {
            return false;
        }
    }
    return true;
}

function is_ring(Memory $memory, int $chunk, int $next, int $prev, int $chunks): bool
{
    $previous = $chunk;
    for ($walked = 1; $walked < CHUNKS_WALKED; $walked++) {
        if ($next === $chunk) {
            return $walked === $chunks && $prev === $previous;
        }
        [$heap, $following, $back] = (is_chunk($next) ? $memory->fields($next, 'P3', 24) : []) ?: [0, 0, 0];
        if ($heap !== $chunk + SLOT || $back !== $previous) {
            return false;
        }
        [$previous, $next] = [$next, $following];
    }
    return $chunks >= CHUNKS_WALKED;
}

function huge_blocks_fit(Memory $memory, int $block, int $rest): bool
{
    for ($walked = 0; $walked < BLOCKS_WALKED; $walked++) {
        if ($block === 0) {
            return $rest === 0;
        }
        $inRange = $block > 0 && $block < USER_SPACE_END;
        [$address, $size, $block] = ($inRange ? $memory->fields($block, 'P3', 24) : []) ?: [0, 0, 0];
        $rest -= $size;
        if (!is_chunk($address) || $size <= 0 || $size % PAGE !== 0 || $rest < 0) {
            return false;
        }
    }
    return true;
}

final class Heaps
{
    public $started;
    private $pid;
    private $memory;
    private $threads;
    private $heaps = [];

    public function __construct(int $pid)
    {
        $life = life($pid);
        if (!$life) {
            throw new Refused('has ended', 'absent');
        }
        [$this->pid, $this->started, $this->memory] = [$pid, $life[0], new Memory($pid)];
        $this->threads = $this->threadState();
        $begun = $this->find();
        if (life($pid) !== $life || borrows_memory($life) || $this->threadState() !== $this->threads) {
            throw new Refused('is just being started');
        }
        if (!$this->heaps) {
            throw $begun ? new Refused('has what begins like a PHP heap, but in no layout that is known') : $this->none();
        }
    }

    /** @return int[] size, peak and real_size, added up over the heaps */
    public function read(): array
    {
        $sum = [0, 0, 0];
        foreach ($this->heaps as [$chunk, $real, $main]) {
            foreach ($this->readOne($chunk, $real, $main) as $which => $bytes) {
                $sum[$which] += $bytes;
            }
        }
        if ($this->threadState() !== $this->threads) {
            throw new Moved();
        }
        return $sum;
    }

    private function find(): bool
    {
        $begun = false;
        foreach (touched_chunks($this->pid) as $chunk) {
            if ($this->memory->fields($chunk, 'P', 8) === [$chunk + SLOT]) {
                $begun = true;
                if ($layout = recognise($this->memory, $chunk)) {
                    $this->heaps[] = [$chunk, $layout[0], $layout[1]];
                }
            }
        }
        return $begun;
    }

    private function readOne(int $chunk, int $real, int $main): array
    {
        for ($try = 0; $try < TRIES; $try++) {
            $page = $this->memory->read($chunk, 512);
            if (strlen($page) < 512 || unpack('P', $page)[1] !== $chunk + SLOT || unpack('P', $page, $main)[1] !== $chunk) {
                throw new Moved();
            }
            if (unpack('V', $page, SLOT)[1] !== 0) {
                throw new Refused("an extension replaced PHP's allocator, so its heap doesn't count");
            }
            [$size, $peak] = array_values(unpack('P2', $page, SLOT + 16));
            $realSize = unpack('P', $page, $real)[1];
            if ($size >= 0 && $size <= $peak && $size <= $realSize && $realSize % PAGE === 0) {
                return [$size, $peak, $realSize];
            }
        }
        throw new Moved();
    }

    /** The number of threads (as links of a folder) and, with many, the size of the address space: for new heaps. */
    private function threadState(): array
    {
        clearstatcache();
        $links = @stat("/proc/$this->pid/task")['nlink'] ?? 0;
        $statm = $links > 3 ? (string) @file_get_contents("/proc/$this->pid/statm") : '';
        return [$links, strtok($statm, ' ')];
    }

    private function none(): Refused
    {
        $environ = "\0" . @file_get_contents("/proc/$this->pid/environ");
        return strpos($environ, "\0USE_ZEND_ALLOC=0\0") !== false
            ? new Refused("runs without PHP's allocator (USE_ZEND_ALLOC=0)")
            : new Refused("has no PHP heap: it runs another program, or is still starting", 'absent');
    }
}

final class Reader
{
    private $found = [];
    private $waiting = [];

    public function answer(int $pid): string
    {
        try {
            return $pid . '=' . implode(',', array_merge($this->read($pid), [$this->found[$pid]->started]));
        } catch (Refused $refused) {
            return "$pid!$refused->kind,process $pid " . $refused->getMessage();
        } catch (Moved $moved) {
            return "$pid!refused,process $pid: its heap changed faster than it could be read";
        }
    }

    private function read(int $pid): array
    {
        if (isset($this->found[$pid])) {
            try {
                return $this->found[$pid]->read();
            } catch (Moved $moved) {
                unset($this->found[$pid]);
            }
        }
        return $this->find($pid)->read();
    }

    /** A refusal stands for a while, longer each time, so that what runs no PHP isn't searched at every request. */
    private function find(int $pid): Heaps
    {
        [$refused, $until, $delay] = $this->waiting[$pid] ?? [null, 0, 2000000];
        $began = hrtime(true);
        if ($began < $until) {
            throw $refused;
        }
        $this->dropEnded();
        try {
            $this->found[$pid] = new Heaps($pid);
        } catch (Refused $refused) {
            $delay = min($delay * 2, 250000000);
            $this->waiting[$pid] = [$refused, hrtime(true) + max($delay, 100 * (hrtime(true) - $began)), $delay];
            throw $refused;
        }
        unset($this->waiting[$pid]);
        return $this->found[$pid];
    }

    private function dropEnded(): void
    {
        clearstatcache();
        foreach (array_keys($this->found + $this->waiting) as $pid) {
            if (!is_dir("/proc/$pid")) {
                unset($this->found[$pid], $this->waiting[$pid]);
            }
        }
    }
}

$reader = new Reader();
fwrite(STDOUT, "ready\n");
while (($line = fgets(STDIN)) !== false) {
    $pids = trim($line) === '' ? array_diff(array_filter(scandir('/proc'), 'is_numeric'), [getmypid()]) : explode(' ', trim($line));
    $answers = [];
    foreach ($pids as $pid) {
        $answers[] = $reader->answer((int) $pid);
    }
    fwrite(STDOUT, implode("\t", $answers) . "\n");
}
