<?php

declare(strict_types=1);

namespace Hyperleak\Probe;

/** What values occupy in the heap: the allocator's bins over the structures of 64-bit PHP (Zend/zend_alloc_sizes.h). */
final class Sizes
{
    private const BINS = [
        8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024,
        1280, 1536, 1792, 2048, 2560, 3072,
    ];
    private const PAGE = 4096;

    public int $closure;

    private int $packedElement;

    /** @var list<int> bytes occupied by the index times 8 bytes asked for */
    private array $occupied = [0];

    public function __construct()
    {
        foreach (self::BINS as $bin) {
            while (\count($this->occupied) <= $bin >> 3) {
                $this->occupied[] = $bin;
            }
        }
        $this->packedElement = \PHP_VERSION_ID >= 80200 ? 16 : 32;
        $this->closure = self::measuredClosure();
    }

    public function block(int $bytes): int
    {
        return $bytes <= 3072
            ? $this->occupied[($bytes + 7) >> 3]
            : ($bytes + self::PAGE - 1) & ~(self::PAGE - 1);
    }

    /** Strings of no or one byte are shared. */
    public function text(string $text): int
    {
        $length = \strlen($text);

        return $length < 2 ? 0 : $this->block(($length + 32) & ~7);
    }

    public function table(int $elements, bool $packed): int
    {
        if ($elements === 0) {
            return 0;
        }
        $capacity = 8;
        while ($capacity < $elements) {
            $capacity <<= 1;
        }

        return 56 + $this->block($packed ? $capacity * $this->packedElement + 8 : $capacity * 40);
    }

    public function object(int $slots): int
    {
        return $this->block(40 + 16 * $slots);
    }

    private static function measuredClosure(): int
    {
        $closures = [0, 0, 0, 0, 0, 0, 0, 0];
        $before = \memory_get_usage();
        for ($i = 0; $i < 8; $i++) {
            $closures[$i] = static function (): void {
            };
        }

        return \intdiv(\memory_get_usage() - $before, 8);
    }
}
