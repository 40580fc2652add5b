<?php

declare(strict_types=1);

namespace App\Controller;

use App\Http\LeaksRequest;
use Hyperf\HttpMessage\Exception\NotFoundHttpException;
use Hyperf\HttpMessage\Stream\SwooleStream;
use Hyperf\HttpServer\Contract\RequestInterface;
use Hyperf\HttpServer\Contract\ResponseInterface;
use Leaks\Router;
use Psr\Http\Message\ResponseInterface as PsrResponse;

/** Serves the cases of the catalogue; `config/routes.php` registers their paths. */
final class CatalogueController
{
    public function __construct(private Router $router)
    {
    }

    public function serve(RequestInterface $request, ResponseInterface $response): PsrResponse
    {
        $answer = $this->router->dispatch(LeaksRequest::from($request)) ?? throw new NotFoundHttpException();
        foreach ($answer->headers as $name => $value) {
            $response = $response->withHeader($name, $value);
        }

        return $response->withStatus($answer->status)->withBody(new SwooleStream($answer->body));
    }
}
