<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Refused;
use Leaks\Request;
use Leaks\Response;

/**
 * Native memory that is allocated and never freed, as by a faulty extension.
 *
 * FFI stands in for the extension: the PHP heap stays flat while the process grows. The clean twin frees.
 */
final class NativeMemory implements LeakCase
{
    private const BYTES = 2048;
    private const DECLARATIONS = 'void *malloc(size_t n); void *memset(void *p, int c, size_t n); void free(void *p);';

    private ?\FFI $libc = null;

    public function about(): About
    {
        return new About(
            'extension',
            About::LEAK,
            'extension',
            'allocates native memory (FFI) and never frees it',
            self::BYTES,
        );
    }

    public function leaky(Request $request): Response
    {
        $this->allocate($request);

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        $this->libc()->free($this->allocate($request));

        return Response::ok();
    }

    private function allocate(Request $request): \FFI\CData
    {
        $bytes = $request->bytes(self::BYTES);
        $memory = $this->libc()->malloc($bytes);
        // Untouched pages would not become resident.
        $this->libc()->memset($memory, 120, $bytes);

        return $memory;
    }

    private function libc(): \FFI
    {
        if ($this->libc !== null) {
            return $this->libc;
        }
        try {
            return $this->libc = \FFI::cdef(self::DECLARATIONS);
        } catch (\Error $missing) {
            throw new Refused(501, 'FFI is missing or disabled: load it and set ffi.enable=1');
        }
    }
}
