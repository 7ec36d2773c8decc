# One image for both processes: `runmend bridge` takes alerts, `runmend worker` runs the runbooks.
FROM python:3.13.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Nothing is downloaded whose hash is not written down; `make hashes` renews both files.
COPY requirements-build.txt requirements-image.txt ./
RUN pip install --quiet --require-hashes --only-binary :all: --requirement requirements-build.txt
RUN python -m venv --without-pip /opt/runmend
# Neither the group of development tools nor the dev-server extra: an image holds what runs.
RUN pip --python /opt/runmend/bin/python install --require-hashes --only-binary :all: --requirement requirements-image.txt
COPY . .
# Our own code, by what was installed above: no index is asked.
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels .
RUN pip --python /opt/runmend/bin/python install --no-index --no-deps /wheels/*.whl
RUN pip --python /opt/runmend/bin/python check

FROM python:3.13.14-slim-bookworm
ENV PATH=/opt/runmend/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RUNMEND_RUNBOOKS=/app/runbooks
RUN groupadd --gid 1000 runmend && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin runmend
COPY --from=build /opt/runmend /opt/runmend
COPY runbooks /app/runbooks
COPY optional-runbooks /app/optional-runbooks
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["runmend"]
CMD ["worker"]
