# One image for both processes: `runmend bridge` takes alerts, `runmend worker` runs the runbooks.
FROM python:3.13.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY constraints.txt ./
RUN pip install --quiet --constraint constraints.txt pip && python -m venv --without-pip /opt/runmend
COPY . .
# Neither the group of development tools nor the dev-server extra: an image holds what runs.
RUN pip --python /opt/runmend/bin/python install --constraint constraints.txt --build-constraint constraints.txt .

FROM python:3.13.14-slim-bookworm
ENV PATH=/opt/runmend/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 RUNMEND_RUNBOOKS=/app/runbooks
RUN groupadd --gid 1000 runmend && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin runmend
COPY --from=build /opt/runmend /opt/runmend
COPY runbooks /app/runbooks
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["runmend"]
CMD ["worker"]
