<?php

declare(strict_types=1);

namespace App\Http;

use Hyperf\HttpServer\Contract\RequestInterface;
use Leaks\Request;

final class LeaksRequest
{
    public static function from(RequestInterface $request): Request
    {
        return new Request(
            $request->getMethod(),
            $request->getUri()->getPath(),
            $request->getQueryParams(),
            array_map(static fn (array $values): string => implode(', ', $values), $request->getHeaders()),
            (string) $request->getBody(),
        );
    }
}
