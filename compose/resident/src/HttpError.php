<?php

declare(strict_types=1);

namespace Resident;

/** What came is no request that can be served. Answered with this status, then the connection is closed. */
final class HttpError extends \RuntimeException
{
    public function __construct(public int $status, string $message)
    {
        parent::__construct($message);
    }
}
